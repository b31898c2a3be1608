/**
 * The client half for MQTT brokers, on MQTT.js: MQTT 5 over WebSockets, in browsers and Node.
 *
 * No recovery: a cut ends the connection at once, and the caller asks for a new grant. That the client came and went is told by
 * itself: by its first message and by its last will.
 */
import mqtt from "mqtt"
import type { GatewayClient, GatewayConnection } from "../../../src/client/GatewayClient.ts"
import type { Json } from "../../../src/protocol/Json.ts"
import { NAME, NO_SUBSCRIBERS, topics, type FromBridge, type FromClient, type Token } from "./wire.ts"

interface Waiting {
  readonly resolve: (reply: unknown) => void
  readonly reject: (problem: Error) => void
}
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

export const mqttClient = (): GatewayClient => ({
  name: NAME,
  connect: (grant, handlers): GatewayConnection => {
    const { clientId, password, prefix, up, username } = parseToken(grant.token)
    const topic = topics(prefix)
    const down = topic.down(clientId)
    const waiting = new Map<string, Waiting>()
    /** Invokes that the broker has not taken yet, by packet id. */
    const sent = new Map<number, string>()
    let nextId = 1
    let isOpen = false
    let closed = false

    const client = mqtt.connect(grant.url, {
      protocolVersion: 5,
      clean: true,
      clientId,
      username,
      password,
      reconnectPeriod: 0,
      connectTimeout: 10_000,
      keepalive: 30,
      // the other kind starts a worker from a blob, which a page's content policy may forbid
      timerVariant: "native",
      ...(grant.upstream
        ? { will: { topic: up, payload: asPayload({ type: "disconnected" }), qos: 0, retain: false } }
        : {})
    })
    const close = (message: string) => {
      if (closed) return
      closed = true
      for (const { reject } of waiting.values()) reject(new Error("the connection closed before the reply came"))
      waiting.clear()
      client.end(true)
      queueMicrotask(() => handlers.onClosed({ message }))
    }
    const settle = (id: string, then: (entry: Waiting) => void) => {
      const entry = waiting.get(id)
      if (waiting.delete(id)) then(entry as Waiting)
    }
    client.on("connect", () => {
      const wanted = [...Object.values(grant.groups).map(topic.group), ...(grant.upstream ? [down] : [])]
      client.subscribe([...new Set(wanted)], { qos: 0 }, (problem) => {
        if (closed) return
        if (problem) return close("the broker refused a group")
        isOpen = true
        if (grant.upstream) client.publish(up, asPayload({ type: "connected" }), { qos: 0 })
        handlers.onOpen()
      })
    })
    client.on("message", (from, payload, { properties }) => {
      if (closed) return
      const text = decoder.decode(payload)
      if (from !== down) return handlers.onFrame(text)
      const [how, what] = parseReply(text)
      settle(String(properties?.correlationData), ({ reject, resolve }) =>
        how === "reply" ? resolve(what) : reject(new Error(String(what)))
      )
    })
    client.on("packetreceive", (packet) => {
      if (closed) return
      if (isOpen) handlers.onAlive()
      if (packet.cmd !== "puback") return
      const id = sent.get(packet.messageId!)
      sent.delete(packet.messageId!)
      if (packet.reasonCode === NO_SUBSCRIBERS && id !== undefined)
        settle(id, ({ reject }) => reject(new Error("no bridge listens at the broker")))
    })
    client.on("disconnect", ({ reasonCode }) => close(`the broker ended the connection (${reasonCode})`))
    client.on("error", ({ message }) => close(message))
    client.on("close", () => close("the connection was cut or refused"))

    const invoke = (name: string, data: Json, { timeoutMillis }: { readonly timeoutMillis: number }) =>
      new Promise<unknown>((resolve, reject) => {
        if (!isOpen || closed) return reject(new Error("the connection is not open"))
        const id = String(nextId++)
        const timer = setTimeout(
          () => settle(id, (entry) => entry.reject(new Error(`no reply within ${timeoutMillis} ms`))),
          timeoutMillis
        )
        waiting.set(id, {
          resolve: (reply) => (clearTimeout(timer), resolve(reply)),
          reject: (problem) => (clearTimeout(timer), reject(problem))
        })
        const properties = {
          // MQTT.js writes text as well as its type's bytes, and a browser has no Buffer
          correlationData: id as unknown as Buffer,
          messageExpiryInterval: Math.ceil(timeoutMillis / 1000)
        }
        client.publish(up, asPayload({ type: "event", name, data }), { qos: 1, properties }, (problem) => {
          if (problem) settle(id, (entry) => entry.reject(new Error("the broker did not take the event")))
        })
        sent.set(client.getLastMessageId(), id)
      })
    return {
      ...(grant.upstream ? { invoke } : {}),
      ping: () => {
        if (isOpen && !closed) client.sendPing()
      },
      close: () => close("closed by the caller")
    }
  }
})

const asPayload = (message: FromClient) => JSON.stringify(message)

/** Says nothing of the token, which is secret. */
const parseToken = (token = ""): Token => {
  try {
    return JSON.parse(token) as Token
  } catch {
    throw new Error("the grant's token is not of the mqtt gateway")
  }
}
const parseReply = (text: string): FromBridge => {
  try {
    return JSON.parse(text) as FromBridge
  } catch {
    return ["failed", "the bridge's reply is not JSON"]
  }
}
