/**
 * The way back: a process that hears what clients send at the broker, asks the backend in a signed call, and publishes the reply
 * to that client. It stores nothing; several share the work.
 *
 * Who sent an event is certain: the topic carries its principal, encrypted by the backend, and the broker lets only the client
 * that was granted this topic publish to it. Replies go to the topic that follows from it, wherever the event asks for them.
 */
import { deriveSecrets, openTicket } from "../../../src/gateway/secrets.ts"
import { callBackend } from "../../../src/gateway/signedCall.ts"
import { checkUrl } from "../../../src/gateway/errors.ts"
import type { Json } from "../../../src/protocol/Json.ts"
import { keepUp } from "./keepUp.ts"
import { openLine } from "./line.ts"
import { checkBrokerUrl, checkPrefix } from "./options.ts"
import { MAX_CLIENT_BYTES, NAME, topics, type FromBridge, type FromClient } from "./wire.ts"

export interface MqttBridgeOptions {
  /** The broker: `mqtt(s)://host[:port]`, or `ws(s)://host[:port][/path]`. */
  readonly url: string
  /** The bridge's user at the broker. */
  readonly username: string
  /** Secret. */
  readonly password: string
  /** The key of `mqttGateway()`. Secret. */
  readonly key: string
  /** A key to change to, or from: backends may have either. Secret. */
  readonly otherKey?: string | undefined
  /** The backend's `/upstream/mqtt` route. */
  readonly upstream: string
  /** As in `mqttGateway()`. */
  readonly prefix?: string
  /** Connecting, and each answer of the broker. Default 10 s. */
  readonly timeoutMillis?: number
}
export interface MqttBridge {
  readonly close: () => void
}
const MAX_EVENTS_OF_ONE = 16
const MAX_EVENTS = 512
/** A packet is its payload and a topic with the seal. Larger ones the broker does not send. */
const MAX_PACKET_BYTES = MAX_CLIENT_BYTES + 64 * 1024

/** Resolves when it listens. Rejects when the broker cannot be reached or refuses; after that it reconnects by itself. */
export const startMqttBridge = async (options: MqttBridgeOptions): Promise<MqttBridge> => {
  checkBrokerUrl("url", options.url, ["mqtt", "mqtts", "ws", "wss"])
  checkUrl("upstream", options.upstream)
  const prefix = checkPrefix(options.prefix)
  const secrets = [deriveSecrets(NAME, options.key)]
  if (options.otherKey !== undefined) secrets.push(deriveSecrets(NAME, options.otherKey, "otherKey"))
  const topic = topics(prefix)
  const busy = new Map<string, number>()
  let underWay = 0

  /** What to tell the client; nothing where it asked nothing, or is nobody. */
  const handle = async (connection: string, seal: string, text: string): Promise<FromBridge | undefined> => {
    const message = parse(text)
    if (message === undefined) return ["failed", "the event is malformed or too large"]
    const ticket = await openTicket(secrets, seal)
    if (ticket === undefined) return ["failed", "the grant has expired"]
    const { principal } = ticket
    if (message.type !== "event") {
      await callBackend(secrets, options.upstream, { type: message.type, connection, principal })
      return undefined
    }
    const { data, name } = message
    return ["reply", await callBackend(secrets, options.upstream, { type: "event", connection, principal, name, data })]
  }
  const receive = async (from: string, text: string, correlation: string) => {
    const [, , connection = "", seal = ""] = from.split("/")
    const theirs = busy.get(connection) ?? 0
    const answer = async (reply: FromBridge | undefined) => {
      if (reply === undefined || correlation === "") return
      await kept.line()?.publish(topic.down(connection), JSON.stringify(reply), {
        qos: 0,
        properties: { correlationData: Buffer.from(correlation) }
      })
    }
    if (theirs >= MAX_EVENTS_OF_ONE || underWay >= MAX_EVENTS) return answer(["failed", "too many events in flight"])
    busy.set(connection, theirs + 1)
    underWay++
    try {
      await answer(
        await handle(connection, seal, text).catch((cause: unknown): FromBridge => [
          "failed",
          cause instanceof Error ? cause.message : "the backend did not answer"
        ])
      )
    } finally {
      underWay--
      const left = busy.get(connection)! - 1
      if (left > 0) busy.set(connection, left)
      else busy.delete(connection)
    }
  }
  const kept = await keepUp(
    () =>
      openLine({
        url: options.url,
        username: options.username,
        password: options.password,
        role: `${prefix}-bridge`,
        timeoutMillis: options.timeoutMillis ?? 10_000,
        maximumPacketSize: MAX_PACKET_BYTES,
        // a client whose answer is lost asks over HTTP
        onMessage: (from, text, correlation) => void receive(from, text, correlation).catch(() => {})
      }),
    (line) => line.subscribe([topic.everyUp])
  )
  return { close: kept.close }
}

/** `undefined` for what is not a message of a client. */
const parse = (text: string): FromClient | undefined => {
  if (Buffer.byteLength(text) > MAX_CLIENT_BYTES) return undefined
  try {
    const { data = null, name, type } = Object(JSON.parse(text)) as Partial<Record<"data" | "name" | "type", unknown>>
    if (type === "connected" || type === "disconnected") return { type }
    const isEvent = type === "event" && typeof name === "string" && name !== "" && name.length <= 128
    return isEvent ? { type, name, data: data as Json } : undefined
  } catch {
    return undefined
  }
}
