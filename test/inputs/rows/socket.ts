/** What clients send over a socket: frames of the gateways' protocols, and interrupts, through both gateways to the backend. */
import { strict as assert } from "node:assert"
import { proof, type Row } from "../row.ts"
import { assertTold, inWords, type Told } from "../told.ts"

const PLAIN = "throughline.v1"
const CLIENT_FRAMES = "test/emulator/clientFrames.test.ts"
const BREAKS = "ends the connection with the rule that it broke, unrecoverably, and disturbs nobody else"
const azure = (id: string, input: string, answer: string, file: string, test: string): Row => ({
  id,
  surface: "socket",
  input: `Azure Web PubSub (emulator): ${input}`,
  answer,
  check: proof(file, test)
})
/** Messages to the plain gateway that end the connection. */
const plain = (
  id: string,
  input: string,
  messages: readonly (string | Buffer)[],
  closed: RegExp,
  answer: string
): Row => ({
  id,
  surface: "socket",
  input: `plain gateway: ${input}`,
  answer,
  check: async ({ closedWith, ws }) => {
    for (const message of messages) {
      const { token, url } = await ws.grant("ann", "ann")
      assert.match(await closedWith(url, [PLAIN, token!], [message]), closed)
    }
  }
})
/** An interrupt over a real socket of both gateways: refused in the reply, the connection stays. */
const refused = (
  id: string,
  input: string,
  data: unknown,
  code: string,
  path?: string,
  more: { readonly who?: string; readonly event?: string; readonly says?: string; readonly only?: string } = {}
): Row => {
  const told: Told = { code, ...(path === undefined ? {} : { path }) }
  return {
    id,
    surface: "socket",
    input,
    answer: inWords(told, undefined, more.says ?? "in the reply; the connection stays"),
    check: async ({ sides }) => {
      for (const { invoke, name } of sides)
        if (more.only === undefined || more.only === name)
          assertTold(await invoke(more.who ?? "ann", more.event ?? "interrupt", data), told, JSON.stringify(data))
    }
  }
}
const cancel = { kind: "cancel", id: "i", run: "r" }
const of = (interrupt: unknown, thread = "ann") => ({ thread, interrupt })
const nested = (levels: number): unknown => JSON.parse(`${"[".repeat(levels)}1${"]".repeat(levels)}`)

const frames: readonly Row[] = [
  plain("B01", "an empty message", [""], /^1008 BAD_JSON/, "closed, 1008 `BAD_JSON`"),
  plain("B02", "half of a message", ["{", "{}x", "nul"], /^1008 BAD_JSON/, "closed, 1008 `BAD_JSON`"),
  plain("B04", "JSON that is no object", ["[]", '"x"', "null", "1"], /^1008 BAD_SHAPE/, "closed, 1008 `BAD_SHAPE`"),
  plain(
    "B07",
    "no type, one that is a number, one nobody knows",
    ['{"id":1}', '{"type":1,"id":1}', '{"type":"publish","id":1}', '{"type":"constructor","id":1}'],
    /^1008 UNKNOWN_TYPE/,
    "closed, 1008 `UNKNOWN_TYPE`"
  ),
  plain(
    "B20",
    "an id that is negative, a fraction, beyond 2^53, a text, absent",
    ["-1", "1.5", "9007199254740993", "1e400", '"1"', "null"].map(
      (id) => `{"type":"invoke","id":${id},"event":"interrupt"}`
    ),
    /^1008 BAD_NUMBER/,
    "closed, 1008 `BAD_NUMBER`"
  ),
  plain(
    "N50",
    "an event without a name, or with one of 129 characters",
    [
      '{"type":"invoke","id":1}',
      '{"type":"invoke","id":1,"event":""}',
      `{"type":"invoke","id":1,"event":"${"x".repeat(129)}"}`
    ],
    /^1008 BAD_SHAPE/,
    "closed, 1008 `BAD_SHAPE`"
  ),
  plain(
    "B22",
    "joining or leaving a group, which only workers may",
    ['{"type":"join","id":1,"group":"g"}', '{"type":"leave","id":1,"group":"g"}'],
    /^1008 .* is not allowed here/,
    "closed, 1008"
  ),
  plain("B16", "a binary message", [Buffer.from('{"type":"ping"}')], /^1003/, "closed, 1003"),
  plain("B13", "a message of 66 KiB and a byte", [`"${"x".repeat(66 * 1024)}"`], /^1009/, "closed, 1009"),
  plain(
    "B11",
    "30,000 levels: the gateway parses it, the backend refuses it",
    [`{"type":"invoke","id":-1,"event":"interrupt","data":${"[".repeat(30_000)}${"]".repeat(30_000)}}`],
    /^1008 BAD_NUMBER/,
    "no stack overflows"
  ),
  {
    id: "B28",
    surface: "socket",
    input: "plain gateway: 200 interrupts at once on one connection",
    answer: "each is answered; at most 16 are in flight, the others are told so; the connection stays",
    check: async ({ ws }) => {
      const answers = await Promise.allSettled(
        Array.from({ length: 200 }, (_, n) => ws.invoke("ann", "interrupt", of({ ...cancel, id: `flood-${n}` })))
      )
      const told = answers.map((answer) => (answer.status === "fulfilled" ? "answered" : String(answer.reason)))
      assert.equal(told.length, 200)
      assert.ok(told.filter((what) => what === "answered").length >= 16)
      for (const what of told) assert.match(what, /^answered$|too many invokes in flight|OUTCOME|RATE/)
    }
  },
  azure("B01", "an empty frame", "closed, 1008 `BAD_JSON`", CLIENT_FRAMES, BREAKS),
  azure("B02", "half of a frame", "closed, 1008 `BAD_JSON`, with the position", CLIENT_FRAMES, BREAKS),
  azure("B04", "JSON that is no object", "closed, 1008 `BAD_SHAPE`", CLIENT_FRAMES, BREAKS),
  azure("B05", "no type", "closed, 1008 `BAD_SHAPE`", CLIENT_FRAMES, BREAKS),
  azure("B07", "a type that is a number", "closed, 1008 `BAD_SHAPE`", CLIENT_FRAMES, BREAKS),
  azure(
    "B08",
    "a key `__proto__` in the frame",
    "closed, 1008 `FORBIDDEN_KEY`; inside of `data` it is data",
    CLIENT_FRAMES,
    "carries polluting keys and wide numbers inside data as data"
  ),
  azure("B11", "200,000 levels", "closed, 1008 `TOO_DEEP`", CLIENT_FRAMES, BREAKS),
  azure(
    "B13",
    "a frame above 1 MB",
    "closed, 1009",
    CLIENT_FRAMES,
    "that is binary is closed with 1003, one over 1 MB with 1009, one that is not UTF-8 with 1007"
  ),
  azure(
    "B16",
    "a binary frame",
    "closed, 1003",
    CLIENT_FRAMES,
    "that is binary is closed with 1003, one over 1 MB with 1009, one that is not UTF-8 with 1007"
  ),
  azure(
    "B17",
    "an unmasked frame, reserved bits, a bad opcode, a long ping",
    "closed, 1002",
    CLIENT_FRAMES,
    "that breaks WebSocket itself (no mask, reserved bits, bad opcode, long ping) is closed with 1002"
  ),
  azure(
    "B20",
    "an `ackId` that is negative, a fraction, beyond 2^53, a text",
    "closed, 1008 `BAD_NUMBER`",
    CLIENT_FRAMES,
    BREAKS
  ),
  azure(
    "B22",
    "joining a group that the token does not name",
    "ack `Forbidden`",
    "test/emulator/messages.test.ts",
    "are Forbidden without the role for that very group"
  ),
  azure(
    "B23",
    "publishing to a group, as if it were an agent",
    "ack `Forbidden`; grants never hold that right",
    "test/adapters/gateways/azure-upstream.test.ts",
    "asks the client for no roles, and for at most five minutes"
  ),
  azure(
    "B25",
    "a `sequenceAck` that goes back, or is no number",
    "ignored and counted",
    CLIENT_FRAMES,
    "keeps the connection: stale acks, null ackIds, unknown fields, unknown group state and streams"
  ),
  azure("B25", "a `sequenceAck` ahead of what was sent", "closed, 1008 `BAD_NUMBER`", CLIENT_FRAMES, BREAKS),
  azure(
    "B28",
    "more than 1,000 events that wait for a slow backend",
    "closed with the reason",
    "test/emulator/upstream.test.ts",
    "may wait with 1,000 others for a slow handler; one more ends the connection with the reason"
  ),
  azure("N51", "random bytes", "closed; it goes on", CLIENT_FRAMES, "of random bytes never stops the emulator"),
  {
    id: "B19",
    surface: "socket",
    input: "an offer of compression, for a bomb",
    answer: "not taken: nothing is inflated",
    check: async ({ emulator, gateway, overTcp }) => {
      for (const { url } of [gateway, emulator]) {
        const head =
          "GET /connect HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-extensions: permessage-deflate\r\n\r\n"
        assert.doesNotMatch(await overTcp(url, head, /\r\n\r\n/), /permessage-deflate/i)
      }
    }
  }
]
const interrupts: readonly Row[] = [
  refused("B26", "an event that is not `interrupt`", of(cancel), "UNKNOWN_TYPE", undefined, { event: "publish" }),
  refused("B04", "an interrupt that is a list", [], "BAD_SHAPE"),
  refused("B04", "an interrupt that is text", "cancel", "BAD_SHAPE"),
  refused("B05", "no thread", { interrupt: cancel }, "BAD_SHAPE", "thread"),
  refused("B05", "no interrupt", { thread: "ann" }, "BAD_SHAPE", "interrupt"),
  refused("B07", "a kind that is a number", of({ ...cancel, kind: 7 }), "BAD_SHAPE", "interrupt.kind"),
  refused(
    "B08",
    "a key `__proto__`",
    JSON.parse('{"thread":"ann","interrupt":{"kind":"cancel","id":"i","run":"r","__proto__":{"admin":true}}}'),
    "FORBIDDEN_KEY",
    "interrupt.__proto__"
  ),
  refused(
    "B11",
    "65 levels (Azure Web PubSub itself closes the connection then)",
    of({ kind: "answer", id: "i", run: "r", ask: "a", answer: { type: "answered", value: nested(65) } }),
    "TOO_DEEP",
    undefined,
    { only: "ws" }
  ),
  refused(
    "B14",
    "10,001 members",
    of({
      kind: "answer",
      id: "i",
      run: "r",
      ask: "a",
      answer: { type: "answered", value: Array.from({ length: 10_001 }, () => 1) }
    }),
    "TOO_MANY"
  ),
  refused("B53", "a thread that climbs", of(cancel, "../x"), "BAD_ID", "thread"),
  refused(
    "B20",
    "a grace of an hour, of −1, of half a millisecond",
    of({ ...cancel, graceMillis: 3_600_000 }),
    "BAD_NUMBER",
    "interrupt.graceMillis"
  ),
  refused("N08", "an id with a control character", of({ ...cancel, id: "a\u001b[31m" }), "BAD_ID", "interrupt.id"),
  refused(
    "N06",
    "a secret in a wrong field",
    of({ ...cancel, reason: { secret: "hunter2-".repeat(20) } }),
    "BAD_SHAPE",
    "interrupt.reason",
    { says: "and none of it comes back" }
  ),
  refused("B52", "an interrupt for a thread that the sender may not see", of(cancel), "NOT_FOUND", undefined, {
    who: "bob"
  }),
  refused(
    "N21",
    "an interrupt for a thread that the sender may only read",
    of(cancel, "shared-x"),
    "FORBIDDEN",
    undefined,
    { who: "bob" }
  ),
  {
    id: "B10",
    surface: "socket",
    input: "a key twice",
    answer: "the last counts: the gateway has parsed it before us",
    check: async ({ sides }) => {
      // no client of ours can write it; what it would parse to is an interrupt like any other
      const data = JSON.parse(
        '{"thread":"ann-nothing","thread":"ann","interrupt":{"kind":"cancel","id":"i","run":"a","run":"r"}}'
      ) as unknown
      for (const { invoke } of sides) assertTold(await invoke("ann", "interrupt", data), { code: "NOT_FOUND" })
    }
  }
]
export const socketRows = [...frames, ...interrupts]
