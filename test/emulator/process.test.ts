import { spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { WebPubSubServiceClient } from "@azure/web-pubsub"
import { afterEach, describe, expect, it } from "vitest"
import { startEmulator } from "../../src/emulator/emulator.ts"
import { onRelease, openSocket, release, RELIABLE, start } from "./parties.ts"

afterEach(release)

const MAIN = fileURLToPath(new URL("../../src/emulator/main.ts", import.meta.url))

const launch = (args: readonly string[], env: NodeJS.ProcessEnv = {}) => {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: "pipe", env: { ...process.env, ...env } })
  onRelease(() => child.kill("SIGKILL"))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  let errors = ""
  child.stderr.on("data", (chunk) => (errors += String(chunk)))
  return {
    child,
    exited: once(child, "exit"),
    errors: () => errors,
    line: async () => JSON.parse((await lines.next()).value as string) as Record<string, unknown>
  }
}

describe("the emulator as a process", () => {
  it("says where it is in one JSON line, serves the SDK, and ends on SIGTERM", async () => {
    const { child, exited, line } = launch(["--access-key", "secret"])
    const ready = await line()
    expect(ready).toMatchObject({
      accessKey: "secret",
      connectionString: `Endpoint=${ready["url"]};AccessKey=secret;Version=1.0;`
    })
    const service = new WebPubSubServiceClient(String(ready["connectionString"]), "chat", {
      allowInsecureConnection: true
    })
    const raw = await openSocket((await service.getClientAccessToken({ groups: ["g"] })).url, RELIABLE)
    await service.group("g").sendToAll("hello", { contentType: "text/plain" })
    expect((await raw.frames.count(2))[1]).toContain("hello")
    child.kill("SIGTERM")
    expect(await exited).toEqual([0, null])
  })

  it("logs lines that a terminal cannot obey, whatever a client sends", async () => {
    const { child, errors, line } = launch(["--log"])
    const service = new WebPubSubServiceClient(String((await line())["connectionString"]), "chat", {
      allowInsecureConnection: true
    })
    const raw = await openSocket((await service.getClientAccessToken()).url, RELIABLE)
    const event = "a\u009b31m\u0085{}\u2028b\u202ec\u001b[2J\n"
    const logged = once(child.stderr, "data")
    raw.socket.send(JSON.stringify({ type: "event", event, dataType: "text", data: "x" }))
    await logged
    expect(errors().match(/\n/g)).toHaveLength(1)
    // oxlint-disable-next-line no-control-regex -- that is what must not be there
    expect(errors().trimEnd()).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u202e]/)
    expect(JSON.parse(errors())).toMatchObject({ event: "upstream.failed", name: event })
  })

  it("takes commands from its parent and ends with it", async () => {
    const { child, exited, line } = launch(["--with-parent"])
    await line()
    child.stdin.write('{"faults":{"restDelayMillis":5}}\n{"faults":{"nonsense":5}}\nnot JSON\n{"stats":true}\n')
    expect(await line()).toEqual({ ok: true })
    expect(await line()).toMatchObject({ ok: false, message: expect.stringContaining("nonsense") })
    expect(await line()).toMatchObject({ ok: false })
    expect(await line()).toMatchObject({ ok: true, stats: { restCalls: 0 } })
    child.stdin.end()
    expect(await exited).toEqual([0, null])
  })

  it("refuses bad arguments with usage and status 2, and production with status 1", async () => {
    for (const args of [
      ["--port", "x"],
      ["--nothing"],
      ["--event-handler", "x"],
      ["--system-events", "joined"],
      ["--port", "99999"]
    ]) {
      const { exited, errors } = launch(args)
      expect([args, await exited]).toEqual([args, [2, null]])
      expect(errors()).toContain("--access-key")
      expect(errors()).not.toContain("    at ")
    }
    const { exited, errors } = launch([], { NODE_ENV: "production" })
    expect(await exited).toEqual([1, null])
    expect(errors()).toContain("NODE_ENV is production")
  })
})

describe("the emulator's start", () => {
  it("is refused beyond loopback and with an empty key", async () => {
    await expect(startEmulator({ host: "0.0.0.0" })).rejects.toMatchObject({ name: "EmulatorRefused" })
    await expect(startEmulator({ accessKey: "" })).rejects.toMatchObject({ name: "EmulatorRefused" })
    await expect(startEmulator({ hubs: { "1": { eventHandlers: [] } } })).rejects.toThrow("hub")
  })

  it("makes another key each time, and fails when its port is taken", async () => {
    const [one, two] = [await start(), await start()]
    expect(one.accessKey).not.toBe(two.accessKey)
    expect(Buffer.from(one.accessKey, "base64")).toHaveLength(32)
    await expect(startEmulator({ port: one.port })).rejects.toMatchObject({ code: "EADDRINUSE" })
  })
})
