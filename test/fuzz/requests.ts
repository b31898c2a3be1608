/** What clients send: bodies, interrupts over a socket, paths and queries of the real handler; and the emulator's frames. */
import { strict as assert } from "node:assert"
import { FAULTS } from "../../src/protocol/Fault.ts"
import {
  checkGrantRequest,
  checkInterrupt,
  checkPostMessage,
  checkSocketInterrupt,
  checkStartRun,
  decodeBody
} from "../../src/protocol/guardRequest.ts"
import { readClientFrame, ProtocolFault } from "../../src/emulator/clientFrames.ts"
import { startApp } from "../server/app.ts"
import type { Random } from "../thread/generate.ts"
import { bytes, damaged, written, type Written } from "./generate.ts"
import { assertFault, assertHarmless } from "./guard.ts"
import { target } from "./harness.ts"

const parts = [
  { type: "text", text: "t" },
  { type: "data", name: "n", value: { a: [1] } },
  { type: "file", url: "https://x", mediaType: "image/png" }
]
const GOOD: readonly unknown[] = [
  { id: "m", parts, after: "m0", replaces: "m1", name: "Ann" },
  { id: "r", agent: "echo", input: { text: "t" }, message: { id: "m", parts }, onBusy: "queue", tags: { k: "v" } },
  { threads: ["t1", "t2"] },
  { kind: "cancel", id: "i", run: "r", reason: "enough", graceMillis: 1_000 },
  { kind: "steer", id: "i", run: "r", when: "next-step", message: { id: "m", parts } },
  { kind: "pause", id: "i", run: "r" },
  {
    kind: "answer",
    id: "i",
    run: "r",
    ask: "a",
    digest: "sha-256:00",
    answer: { type: "approved", input: { path: "p" } }
  }
]
const CHECKS = { checkPostMessage, checkStartRun, checkGrantRequest, checkInterrupt, checkSocketInterrupt }
const good = (random: Random): unknown => {
  const one = random.pick(GOOD)
  return random.chance(0.3) ? { thread: "t1", interrupt: one } : one
}
const body = (random: Random): Written => {
  const kind = random.int(4)
  if (kind === 0) return { text: bytes(random), repeats: false }
  if (kind === 1) return written(random)
  const text = JSON.stringify(kind === 2 ? good(random) : damaged(random, good(random))) ?? ""
  if (!random.chance(0.2) || !text.startsWith("{") || text === "{}") return { text, repeats: false }
  const key = Object.keys(JSON.parse(text) as object)[0]!
  return { text: `{${JSON.stringify(key)}:1,${text.slice(1)}`, repeats: true }
}
const checkBody = ({ repeats, text }: Written): void => {
  const decoded = decodeBody(text)
  if (!decoded.ok) return assertFault(decoded.fault)
  assert.ok(!repeats, "a key twice")
  assertHarmless(decoded.value)
  for (const check of Object.values(CHECKS)) {
    const checked = check(decoded.value)
    if (!checked.ok) {
      assertFault(checked.fault)
      continue
    }
    assertHarmless(checked.value)
    const kept = JSON.stringify(checked.value)
    assert.ok(kept.length <= text.length * 6, "more came out than went in")
    const again = check(JSON.parse(kept))
    assert.ok(again.ok && JSON.stringify(again.value) === kept, "what was kept is not kept again")
  }
}

const SEGMENTS = [
  "threads",
  "ann",
  "shared-x",
  "upstream",
  "ws",
  "messages",
  "runs",
  "interrupts",
  "entries",
  "view",
  "grants",
  "..",
  "%2e%2e",
  "%2F",
  "%00",
  "%E0%A4%A",
  "%",
  "a b",
  "é",
  "",
  "x".repeat(200),
  "\\",
  ";",
  "@"
]
const VALUES = [
  "0",
  "1",
  "-1",
  "1.5",
  "9e99",
  "%D9%A3",
  "%205",
  "%2B5",
  "0x5",
  "",
  "9007199254740991",
  "9007199254740992",
  "%00",
  "%",
  "x".repeat(300),
  "e1"
]
interface Asked {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}
const asked = (random: Random): Asked => {
  const method = random.pick(["GET", "GET", "POST", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"])
  const route = random.chance(0.6)
    ? `/threads/${random.pick(SEGMENTS)}/${random.pick(["messages", "runs", "interrupts", "entries", "view", "grants"])}`
    : Array.from({ length: random.int(6) }, () => `/${random.pick(SEGMENTS)}`).join("")
  const query = Array.from(
    { length: random.int(3) },
    () => `${random.pick(["after", "limit", "id", "log", "before", "x", ""])}=${random.pick(VALUES)}`
  )
  const headers: Record<string, string> = {}
  if (random.chance(0.8))
    headers["authorization"] = random.pick(["Bearer ann", "Bearer bob", "Bearer eve", "Bearer nobody", "Basic !", ""])
  if (random.chance(0.9))
    headers["content-type"] = random.pick([
      "application/json",
      "application/json; charset=x",
      "text/plain",
      "",
      "application/json,application/json"
    ])
  if (random.chance(0.2))
    headers["origin"] = random.pick([
      "https://app.example.com",
      "https://evil.example",
      "null",
      "http://backend.test",
      "x",
      ""
    ])
  if (random.chance(0.1)) headers["content-length"] = random.pick(["1", "-1", "1e9", "99999999"])
  const sends = !["GET", "HEAD"].includes(method) && random.chance(0.9)
  // what is right would be accepted: only what is not is sent here
  return {
    method,
    path: route + (query.length > 0 ? `?${query.join("&")}` : ""),
    headers,
    body: sends ? random.pick([bytes, (r: Random) => written(r).text])(random) : undefined
  }
}

export const requestTargets = [
  target("bodies of requests and interrupts", 20_000, () => ({ make: body, check: checkBody })),
  target("interrupts as gateways hand them on", 20_000, () => ({
    make: (random) => damaged(random, { thread: "t1", interrupt: random.pick(GOOD) }),
    check: (value: unknown) => {
      const checked = checkSocketInterrupt(value)
      if (checked.ok) assertHarmless(checked.value)
      else assertFault(checked.fault)
    }
  })),
  target("frames of clients to the emulator", 20_000, () => ({
    make: (random) =>
      random.chance(0.3)
        ? bytes(random)
        : random.chance(0.5)
          ? written(random).text
          : (JSON.stringify(
              damaged(
                random,
                random.pick([
                  { type: "joinGroup", group: "g", ackId: 1 },
                  { type: "sendToGroup", group: "g", ackId: 2, dataType: "json", data: { a: 1 }, noEcho: true },
                  { type: "event", event: "interrupt", dataType: "text", data: "t", ackId: 3 },
                  {
                    type: "invoke",
                    target: "event",
                    event: "interrupt",
                    invocationId: "7",
                    dataType: "json",
                    data: {}
                  },
                  { type: "sequenceAck", sequenceId: 3 },
                  { type: "ping" }
                ])
              )
            ) ?? ""),
    check: (text: string) => {
      try {
        const frame = readClientFrame(text)
        assert.ok(typeof frame.type === "string")
        if ("ackId" in frame && frame.ackId !== undefined)
          assert.ok(Number.isSafeInteger(frame.ackId) && frame.ackId >= 0)
        if ("group" in frame) assert.ok(frame.group.trim() !== "" && frame.group.length <= 1_024)
        // it is spliced into what others get
        if ("payload" in frame && frame.payload !== undefined) JSON.parse(frame.payload.dataJson)
      } catch (fault) {
        if (!(fault instanceof ProtocolFault)) throw fault
        assert.doesNotMatch(fault.message, /[\u0000-\u001f\u007f-\u009f]/)
        assert.ok(fault.message.length < 300)
      }
    }
  })),
  target("requests to the real handler", 1_000, async () => {
    const app = await startApp()
    return {
      make: asked,
      check: async ({ body: sent, headers, method, path }: Asked) => {
        let request: Request
        try {
          request = new Request(`http://backend.test/api${path}`, {
            method,
            headers,
            ...(sent === undefined ? {} : { body: sent })
          })
        } catch {
          return // the platform refuses it before us
        }
        const answer = await app.backend.fetch(request)
        const text = await answer.text()
        assert.doesNotMatch(text, /\n\s+at |node_modules|\.ts:/)
        if (answer.status === 204 || answer.status === 200)
          return assert.ok(text === "" || JSON.parse(text).ok === true)
        const { error, ok } = JSON.parse(text) as {
          readonly ok: boolean
          readonly error: { readonly code: keyof typeof FAULTS; readonly message: string }
        }
        assert.equal(ok, false)
        assert.ok(error.code in FAULTS && error.code !== "INTERNAL", `the answer is ${error.code}`)
        assert.ok(error.message.length < 1_000)
      },
      close: async () => {
        const { body: page } = await app.send("ann", "GET", "/threads/ann/entries?after=0")
        await app.close()
        assert.equal(page.head.offset, 0, "bad requests appended something")
      }
    }
  })
]
