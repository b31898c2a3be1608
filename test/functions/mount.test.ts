import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { startHost, type Host } from "./host.ts"

let folder: string
let host: Host
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "throughline-echo-"))
  await build({
    entryPoints: [fileURLToPath(new URL("echoApp.ts", import.meta.url))],
    outfile: join(folder, "main.cjs"),
    bundle: true,
    platform: "node",
    format: "cjs",
    external: ["@azure/functions-core"],
    logLevel: "error"
  })
  writeFileSync(join(folder, "package.json"), JSON.stringify({ main: "main.cjs" }))
  host = await startHost({ folder, settings: {} })
})
afterAll(async () => {
  await host?.close()
  rmSync(folder, { recursive: true })
})

describe("mount", () => {
  it("hands the backend the request as it came, bytes, query and all, and its answer back", async () => {
    const body = Uint8Array.from([0, 255, 10, 195, 40])
    const url = `${host.url}/api/threads/t%3A1/messages?after=5&x=%20y`
    const response = await fetch(url, {
      method: "POST",
      headers: { "x-one": "1, 2", "content-type": "application/json" },
      body
    })
    expect([response.status, response.headers.get("content-type")]).toEqual([201, "application/json"])
    expect(await response.json()).toEqual({
      method: "POST",
      url,
      body: Buffer.from(body).toString("base64"),
      header: "1, 2",
      type: "application/json"
    })
  })

  it("answers without a body where the backend does", async () => {
    const response = await fetch(`${host.url}/api/threads/empty/view`)
    expect([response.status, response.headers.get("x-empty"), await response.text()]).toEqual([204, "yes", ""])
    const asked = await fetch(`${host.url}/api/threads/t/view`)
    expect(await asked.json()).toMatchObject({ method: "GET", body: "" })
  })

  it("answers a backend that throws with a fault, and tells the log what it was", async () => {
    const response = await fetch(`${host.url}/api/threads/fail/view`)
    const text = await response.text()
    expect([response.status, JSON.parse(text)]).toMatchObject([500, { ok: false, error: { code: "INTERNAL" } }])
    expect(text).not.toMatch(/store|ECONNREFUSED/)
    expect(host.logs).toContain("error: the store is away: connect ECONNREFUSED")
  })

  it("hands jobs on as objects, with a deadline before the host's own", async () => {
    const hostFile = readFileSync(new URL("../../functions/host.json", import.meta.url), "utf8")
    const { functionTimeout } = JSON.parse(hostFile) as { readonly functionTimeout: string }
    const hostMillis = functionTimeout.split(":").reduce((sum, part) => sum * 60 + Number(part), 0) * 1_000
    expect((await host.deliver("work", '{"run":"r"}')).error).toBeUndefined()
    expect((await host.deliver("work", "no JSON")).error).toBeUndefined()
    const lines = () =>
      host
        .output()
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { job: unknown; millis: number })
    await expect.poll(() => host.output().split("\n").length).toBe(3)
    expect(lines().map(({ job }) => job)).toEqual([{ run: "r" }, "no JSON"])
    for (const { millis } of lines()) expect(millis).toBeLessThanOrEqual(hostMillis - 60_000)
  })

  it("lets a job and a sweep that failed fail, so that the host tries them again", async () => {
    expect((await host.deliver("work", "fail")).error).toBe("the store is away")
    expect((await host.runTimer("sweep")).error).toBe("the store is away")
  })

  it("takes the queue's connection and the sweep's schedule from its options", async () => {
    const { functions } = await host.loaded()
    const triggers = functions.flatMap(({ bindings }) => Object.values(bindings))
    expect(triggers.find(({ type }) => type === "queueTrigger")).toMatchObject({ connection: "OtherStorage" })
    expect(triggers.find(({ type }) => type === "timerTrigger")).toMatchObject({ schedule: "0 * * * * *" })
  })
})
