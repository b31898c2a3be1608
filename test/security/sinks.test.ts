/** Where what people and models write could do harm: HTML, prototypes, addresses, other people's screens. */
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import * as net from "node:net"
import { fileURLToPath } from "node:url"
import { inspect } from "node:util"
import { describe, expect, it, vi } from "vitest"
import { EmulatorRefused, startEmulator } from "throughline/emulator"
import { filesBelow } from "../repository/tree.ts"
import { startApp } from "../server/app.ts"
import { startStack } from "./stack.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const uuid = (n: number) => `0192b5d2-0000-7000-8000-${String(n).padStart(12, "0")}`

describe("texts", () => {
  const SINKS =
    /dangerouslySetInnerHTML|\.(?:inner|outer)HTML\b|insertAdjacentHTML|document\.write|createContextualFragment|srcdoc|rehype-raw|allowDangerousHtml|\beval\s*\(|new Function\s*\(|DOMParser|setHTMLUnsafe/

  it("no file has a sink for HTML or code", () => {
    const files = ["src", "adapters", "examples", "functions"]
      .flatMap(filesBelow)
      .filter((path) => /\.(?:[cm]?[jt]sx?|html|vue|svelte)$/.test(path))
    expect(files.length).toBeGreaterThan(150)
    expect(files.filter((path) => SINKS.test(readFileSync(`${root}/${path}`, "utf8")))).toEqual([])
    // and the pattern finds one where there is one
    expect(SINKS.test("element.innerHTML = text")).toBe(true)
  })
})

describe("prototypes", () => {
  it("patches, folds and decoding work with a frozen Object.prototype, and reach none", () => {
    // in a process of its own: freezing cannot be undone
    const program = `
      import { applyPatch } from "${root}/src/thread/patch.ts"
      import { createFold } from "${root}/src/thread/fold.ts"
      import { decodeBody } from "${root}/src/protocol/guardRequest.ts"
      for (const made of [Object, Array, Map, Function, Promise]) Object.freeze(made.prototype)
      const out = []
      for (const path of ["/__proto__/x", "/constructor/prototype/x", "/a/__proto__/x", "/a/constructor/prototype"])
        for (const op of ["add", "replace", "copy", "move"])
          out.push(applyPatch({ a: {} }, [{ op, path, from: "/a", value: 1 }]).ok)
      out.push(applyPatch({ a: [1] }, [{ op: "add", path: "/a/-", value: 2 }]).ok)
      const fold = createFold()
      fold.apply({ v: 1, logId: "l", thread: "t", offset: 1, id: "e", prev: "", at: "", events: [
        { type: "state.snapshot", doc: "__proto__", value: { polluted: true } },
        { type: "message.posted", message: "m", role: "user", parts: [{ type: "text", text: "x" }] } ] })
      out.push(fold.view.messages.length === 1)
      out.push(decodeBody('{"__proto__":{"polluted":true}}').ok)
      out.push("polluted" in {})
      console.log(JSON.stringify(out))`
    const { stderr, stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" })
    expect(stderr).not.toContain("Error")
    expect(JSON.parse(stdout)).toEqual([...Array<boolean>(16).fill(false), true, true, false, false])
  })
})

describe("addresses", () => {
  it("the backend asks no host that a request named", { timeout: 60_000 }, async () => {
    const TRAPS = ["169.254.169.254", "trap.example", "localhost", "[::1]", "0x7f000001", "metadata.google.internal"]
    const stack = await startStack("ws", { people: { ann: { id: "ann" } }, authorize: () => true })
    // whatever asks, `fetch`, `http` or a driver, connects a socket
    const asked: string[] = []
    const { connect } = net.Socket.prototype
    const spy = vi.spyOn(net.Socket.prototype, "connect").mockImplementation(function (this: net.Socket, ...args) {
      asked.push(inspect(args, { depth: 3 }))
      return connect.apply(this, args)
    })
    const send = (path: string, body: object, host: string) =>
      stack.server.fetch(
        new Request(`http://backend${path}?callback=${encodeURIComponent(`http://${host}/`)}`, {
          method: "POST",
          headers: {
            authorization: "Bearer ann",
            "content-type": "application/json",
            "x-forwarded-host": host,
            referer: `http://${host}/`,
            "webhook-request-origin": host
          },
          body: JSON.stringify(body)
        })
      )
    for (const [n, host] of TRAPS.entries()) {
      const url = `http://${host}/${n}`
      const parts = [
        { type: "file", url, mediaType: "image/png" },
        { type: "text", text: url }
      ]
      expect((await send("/threads/t1/messages", { id: uuid(n), parts }, host)).status).toBe(200)
      const start = { id: uuid(50 + n), agent: "idle", input: {}, callback: url, tags: { url } }
      expect((await send("/threads/t1/runs", start, host)).status).toBe(200)
      await stack.server.work({ thread: "main/t1", run: start.id, epoch: 1 })
      await send("/threads/t1/interrupts", { kind: "cancel", id: uuid(90 + n), run: start.id, reason: url }, host)
      await send("/threads/t1/grants", { threads: [host], webhook: url }, host)
      await send("/upstream/ws", { type: "connected", url }, host)
      for (const path of ["view", "entries?after=0"])
        await stack.server.fetch(
          new Request(`http://${host}/threads/t1/${path}`, { headers: { authorization: "Bearer ann" } })
        )
    }
    await stack.send("ann", "GET", "/threads/t1/view")
    spy.mockRestore()
    // the hook hears what is asked: the gateway, for publishing, and this test's own request
    expect(asked.join()).toContain("127.0.0.1")
    for (const host of TRAPS) expect(asked.join()).not.toContain(host.replaceAll(/[[\]]/g, ""))
  })
})

describe("other people's screens", () => {
  it("what `redact` takes out is nowhere: log, frame, view, answer", async () => {
    const CANARY = "canary-redacted"
    const stack = await startStack("ws", {
      people: { ann: { id: "ann" } },
      authorize: () => true,
      redact: (event) => JSON.parse(JSON.stringify(event).replaceAll(CANARY, "…")) as typeof event
    })
    const thread = stack.open("ann", "t1")
    await stack.send("ann", "POST", "/threads/t1/messages", { id: uuid(1), parts: [{ type: "text", text: CANARY }] })
    await expect.poll(() => thread.view.offset, { timeout: 15_000 }).toBe(1)
    const { entries, notes, snapshot } = stack.store.threads.get("main/t1")!
    const answers = await Promise.all(
      ["view", "entries?after=0"].map(async (path) => (await stack.send("ann", "GET", `/threads/t1/${path}`)).text())
    )
    for (const text of [JSON.stringify([entries, [...notes], snapshot, thread.view]), ...answers])
      expect(text).not.toContain(CANARY)
    expect(answers[0]).toContain("…")
  })
})

describe("the package and its emulator", () => {
  it("has at most five libraries of its own", () => {
    const { dependencies } = JSON.parse(readFileSync(`${root}/package.json`, "utf8")) as { dependencies: object }
    expect(Object.keys(dependencies).length).toBeLessThanOrEqual(5)
  })

  it("refuses to start in production and beyond loopback without a flag", async () => {
    vi.stubEnv("NODE_ENV", "production")
    await expect(startEmulator()).rejects.toThrow(EmulatorRefused)
    vi.unstubAllEnvs()
    await expect(startEmulator({ host: "0.0.0.0" })).rejects.toThrow("allowRemote")
  })

  it("starts no backend without `authorize`, and none that allows by default", async () => {
    const app = await startApp()
    expect((await app.send(undefined, "GET", "/threads/ann-1/view")).status).toBe(401)
    expect((await app.send("bob", "GET", "/threads/ann-1/view")).status).toBe(404)
    await app.close()
  })
})
