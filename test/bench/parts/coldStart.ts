/**
 * A cold function: from the start of the process until its functions are there, and until what the first call needs is
 * loaded too, against a handler of one line. All bundled, all with `@azure/functions`.
 */
import { execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"
import { atMost, median, table, type Part } from "../report.ts"

const host = fileURLToPath(new URL("../peers/coldStart.cjs", import.meta.url))
const root = fileURLToPath(new URL("../../..", import.meta.url))
const [app, backend] = [join(root, "functions/dist/app.cjs"), join(root, "functions/dist/backend.cjs")]
const plainSource = `
  import { app } from "@azure/functions"
  app.http("plain", { handler: async () => ({ status: 401, jsonBody: { ok: false } }) })`

const start = (...bundles: readonly string[]): number => {
  const output = execFileSync(process.execPath, [host, ...bundles], { encoding: "utf8" })
  const { millis, functions } = JSON.parse(output) as { readonly millis: number; readonly functions: number }
  if (functions === 0) throw new Error(`${bundles.join(" ")} registered no function`)
  return millis
}

export const coldStart: Part = {
  name: "cold-start",
  title: "Cold start of the functions app",
  run: async ({ quick }) => {
    if (!existsSync(app)) throw new Error("functions/dist/app.cjs is missing: run `npm run prepare`")
    const folder = mkdtempSync(join(tmpdir(), "throughline-bench-"))
    const plain = join(folder, "plain.cjs")
    await build({
      stdin: { contents: plainSource, resolveDir: root },
      outfile: plain,
      bundle: true,
      platform: "node",
      format: "cjs",
      external: ["@azure/functions-core"],
      logLevel: "silent"
    })
    const ways = [
      { name: "a handler of one line", bundles: [plain] },
      { name: "the functions app", bundles: [app] },
      { name: "the functions app and the backend of the first call", bundles: [app, backend] }
    ]
    const measured = ways.map((): number[] => [])
    for (let round = 0; round < (quick ? 3 : 21); round++)
      for (const [index, { bundles }] of ways.entries()) measured[index]?.push(start(...bundles))
    rmSync(folder, { recursive: true })
    const [handler = Number.NaN, ours = Number.NaN, whole = Number.NaN] = measured.map(median)
    return {
      markdown: table(
        ["", "ms since the process began"],
        ways.map(({ name }, index) => [name, median(measured[index] ?? [])])
      ),
      bounds: [
        atMost("cold start: functions app / plain handler", ours / handler, 1.5),
        atMost("cold start: with the backend / plain handler", whole / handler, 1.5)
      ]
    }
  }
}
