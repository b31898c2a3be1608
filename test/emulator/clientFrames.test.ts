import { connect as connectTcp } from "node:net"
import { randomBytes } from "node:crypto"
import { afterEach, describe, expect, it } from "vitest"
import { connect, JSON_V1, onRelease, openSocket, rawUrl, release, RELIABLE, serviceOf, start } from "./parties.ts"
import type { Emulator } from "../../src/emulator/emulator.ts"

afterEach(release)

/** Frames that break the protocol, and how the reason begins. */
const BROKEN: readonly (readonly [string, string, string])[] = [
  ["empty", "", "BAD_JSON: the frame is empty"],
  ["blank", " \n", "BAD_JSON: the frame is empty"],
  ["truncated", "{", "BAD_JSON: the frame is not valid JSON at position 1"],
  ["trailing", "{}x", "BAD_JSON: the frame is not valid JSON at position 2"],
  ["an array", "[]", "BAD_SHAPE: the frame must be an object, got array"],
  ["a text", '"x"', "BAD_SHAPE: the frame must be an object, got string"],
  ["null", "null", "BAD_SHAPE: the frame must be an object, got null"],
  ["a number", "1", "BAD_SHAPE: the frame must be an object, got number"],
  ["no type", "{}", 'BAD_SHAPE: "type" must be a non-empty text, got undefined'],
  ["a type that is a number", '{"type":1}', 'BAD_SHAPE: "type" must be a non-empty text, got number'],
  ["an unknown type", '{"type":"\\n\\u001b[31madmin"}', 'UNKNOWN_TYPE: "type" is not one of this protocol\'s requests'],
  ["a type of Object", '{"type":"constructor"}', "UNKNOWN_TYPE"],
  ["a polluting key", '{"__proto__":{"admin":true},"type":"ping"}', "FORBIDDEN_KEY"],
  ["deep nesting", `{"type":"event","event":"e","data":${"[".repeat(200_000)}${"]".repeat(200_000)}}`, "TOO_DEEP"],
  ["no group", '{"type":"joinGroup"}', 'BAD_SHAPE: "group"'],
  ["a blank group", '{"type":"joinGroup","group":"  "}', 'BAD_SHAPE: "group" must have 1 to 1024'],
  ["a long group", `{"type":"joinGroup","group":"${"g".repeat(1025)}"}`, 'BAD_SHAPE: "group" must have 1 to 1024'],
  ...["-1", "1.5", "9007199254740992", "1e400", '"1"', "true"].map(
    (ackId) =>
      [
        `ackId ${ackId}`,
        `{"type":"joinGroup","group":"g","ackId":${ackId}}`,
        'BAD_NUMBER: "ackId" must be an integer from 0 to'
      ] as const
  ),
  ["no data", '{"type":"event","event":"e"}', 'BAD_SHAPE: "data" is missing'],
  ["an unknown dataType", '{"type":"event","event":"e","dataType":"xml","data":1}', 'BAD_SHAPE: "dataType"'],
  ["text that is none", '{"type":"event","event":"e","dataType":"text","data":1}', 'BAD_SHAPE: "data" must be a text'],
  [
    "binary that is none",
    '{"type":"event","event":"e","dataType":"binary","data":"!"}',
    'BAD_SHAPE: "data" must be base64'
  ],
  ["another target", '{"type":"invoke","invocationId":"1","target":"x","event":"e"}', 'BAD_SHAPE: "target"'],
  ["no invocationId", '{"type":"invoke","target":"event","event":"e"}', 'BAD_SHAPE: "invocationId"'],
  ["an ack ahead of what was sent", '{"type":"sequenceAck","sequenceId":1}', 'BAD_NUMBER: "sequenceId" is ahead']
]

describe("a client's broken frame", () => {
  it("ends the connection with the rule that it broke, unrecoverably, and disturbs nobody else", async () => {
    const emulator = await start()
    const witness = await connect(emulator, { groups: ["g"] })
    for (const [what, frame, reason] of BROKEN) {
      const raw = await openSocket(await rawUrl(emulator, { userId: "u" }), RELIABLE)
      raw.send(frame)
      const { code } = await raw.closed
      expect([what, code]).toEqual([what, 1008])
      expect(raw.frames.items).toHaveLength(2)
      const told = JSON.parse(raw.frames.items[1]!) as { event: string; message: string }
      expect(told.event).toBe("disconnected")
      expect([what, told.message.slice(0, reason.length)]).toEqual([what, reason])
    }
    expect(emulator.stats.protocolErrors).toBe(BROKEN.length)
    expect(emulator.connections("chat").map(({ connectionId }) => connectionId)).toEqual([witness.connectionId])
    await serviceOf(emulator).group("g").sendToAll("fine")
    expect(await witness.received.count(1)).toEqual(["fine"])
    expect(({} as { admin?: unknown }).admin).toBeUndefined()
  })

  it("that is binary is closed with 1003, one over 1 MB with 1009, one that is not UTF-8 with 1007", async () => {
    const emulator = await start()
    const codes: number[] = []
    for (const subprotocol of [RELIABLE, JSON_V1]) {
      const binary = await openSocket(await rawUrl(emulator), subprotocol)
      binary.socket.send(Buffer.from('{"type":"ping"}'))
      const large = await openSocket(await rawUrl(emulator), subprotocol)
      large.socket.send("x".repeat(1024 * 1024 + 1))
      const garbled = await openSocket(await rawUrl(emulator), subprotocol)
      garbled.socket.send(Buffer.from([0xc3, 0x28]), { binary: false })
      for (const { closed } of [binary, large, garbled]) codes.push((await closed).code)
    }
    expect(codes).toEqual([1003, 1009, 1007, 1003, 1009, 1007])
    await expect.poll(() => emulator.connections("chat")).toEqual([])
  })

  it("that breaks WebSocket itself (no mask, reserved bits, bad opcode, long ping) is closed with 1002", async () => {
    const emulator = await start()
    const mask = [0, 0, 0, 0]
    const frames = [
      [0x81, 0x01, 0x78],
      [0xf1, 0x81, ...mask, 0x78],
      [0x83, 0x81, ...mask, 0x78],
      [0x09, 0x80, ...mask],
      [0x89, 0xfe, 0, 126, ...mask]
    ]
    for (const frame of frames)
      expect([frame, await closeCodeAfter(emulator, Buffer.from(frame))]).toEqual([frame, 1002])
    await expect.poll(() => emulator.connections("chat")).toEqual([])
  })

  it("of random bytes never stops the emulator", async () => {
    const emulator = await start()
    for (let i = 0; i < 200; i++) {
      const raw = await openSocket(await rawUrl(emulator), i % 2 === 0 ? RELIABLE : JSON_V1)
      raw.socket.send(randomBytes(i), { binary: i % 3 === 0 })
      await raw.closed
    }
    expect((await fetch(`${emulator.url}/api/health`, { method: "HEAD" })).status).toBe(200)
  })
})

describe("a frame that is odd but not broken", () => {
  it("keeps the connection: stale acks, null ackIds, unknown fields, unknown group state and streams", async () => {
    const emulator = await start()
    const raw = await openSocket(await rawUrl(emulator, { roles: ["webpubsub.joinLeaveGroup"] }), RELIABLE)
    for (const sequenceId of [0, -1, 1.5, null, "1", undefined]) raw.send({ type: "sequenceAck", sequenceId })
    raw.send({ type: "joinGroup", group: "g", ackId: null, more: 1 })
    raw.send({ type: "event", event: "nobody listens", data: 1 })
    raw.send({ type: "setGroupState", group: "g", ackId: 1, state: {} })
    raw.send({ type: "sendToGroup", group: "g", stream: { streamId: "s" } })
    raw.send({ type: "ping" })
    expect((await raw.frames.count(4)).slice(1).map((frame) => JSON.parse(frame))).toEqual([
      { type: "ack", ackId: 1, success: false, error: { name: "InternalServerError", message: expect.any(String) } },
      { type: "streamClosed", streamId: "s", error: { name: "BadRequest", message: expect.any(String) } },
      { type: "pong" }
    ])
    expect(emulator.connections("chat")[0]!.groups).toEqual(["g"])
  })

  it("carries polluting keys and wide numbers inside data as data", async () => {
    const emulator = await start()
    const raw = await openSocket(await rawUrl(emulator, { groups: ["g"], roles: ["webpubsub.sendToGroup.g"] }), JSON_V1)
    raw.send('{"type":"sendToGroup","group":"g","data":{"__proto__":{"admin":true},"t":"\\ud800"}}')
    expect((await raw.frames.count(2))[1]).toBe(
      '{"type":"message","from":"group","group":"g","dataType":"json","data":{"__proto__":{"admin":true},"t":"\\ud800"}}'
    )
  })
})

/** Sends raw bytes after a handshake and reads the close frame's code. */
const closeCodeAfter = async (emulator: Emulator, bytes: Buffer): Promise<number> => {
  const url = new URL(await rawUrl(emulator))
  return new Promise((resolve, reject) => {
    const socket = connectTcp(emulator.port, "127.0.0.1")
    onRelease(() => socket.destroy())
    let seen = Buffer.alloc(0)
    let upgraded = false
    socket.on("error", reject)
    socket.on("data", (chunk) => {
      seen = Buffer.concat([seen, chunk])
      const end = seen.indexOf("\r\n\r\n")
      if (!upgraded && end >= 0) {
        upgraded = true
        seen = seen.subarray(end + 4)
        socket.write(bytes)
      }
      // 0x88: an unmasked close frame; its code follows the length.
      const close = seen.indexOf(0x88)
      if (upgraded && close >= 0 && seen.length >= close + 4) resolve(seen.readUInt16BE(close + 2))
    })
    socket.write(
      `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n\r\n`
    )
  })
}
