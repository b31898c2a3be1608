/** A real Chromium for end-to-end tests, or a clear word why there is none. */
import { existsSync } from "node:fs"
import { delimiter, join } from "node:path"
import { chromium } from "playwright-core"
import type { Browser } from "playwright-core"
import { describe } from "vitest"

const found = [
  "/usr/bin/chromium",
  ...(process.env["PATH"] ?? "")
    .split(delimiter)
    .flatMap((folder) => ["chromium", "chromium-browser", "google-chrome"].map((name) => join(folder, name)))
].find((file) => existsSync(file))

/** `describe`, or a skip that says so; with `THROUGHLINE_NO_SKIPS=1` a missing browser is a failure. */
export const describeInBrowser = (name: string, body: () => void): void => {
  if (found !== undefined || process.env["THROUGHLINE_NO_SKIPS"] === "1") describe(name, body)
  else describe.skip(`${name} (skipped: there is no chromium in /usr/bin or on the PATH)`, body)
}

export const launch = (): Promise<Browser> => {
  if (found === undefined)
    throw new Error("There is no chromium in /usr/bin or on the PATH, and THROUGHLINE_NO_SKIPS is set.")
  return chromium.launch({
    executablePath: found,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run"
    ]
  })
}
