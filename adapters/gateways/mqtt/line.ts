/**
 * One MQTT connection of a server process: opened with a time limit, never opened again by itself. Whatever waits for the broker
 * fails when it closes, with one of the reasons of `GatewayError`.
 */
import { randomUUID } from "node:crypto"
import type { IClientOptions, IClientPublishOptions, MqttClient } from "mqtt"
import { GatewayRefused } from "../../../src/ports/GatewayError.ts"
import { reasonOf, type Reason } from "./reasons.ts"

export interface LineOptions {
  /** `mqtt(s)://` or `ws(s)://host:port`. */
  readonly url: string
  readonly username: string
  readonly password: string
  /** What the process is at the broker: a name for its logs. */
  readonly role: string
  /** Of connecting, and of each answer. */
  readonly timeoutMillis: number
  /** Largest packet that may be sent to us. */
  readonly maximumPacketSize?: number
  readonly onMessage?: (topic: string, text: string, correlation: string) => void
}
export interface Line {
  /** What the broker takes, in bytes of a packet. */
  readonly maximumPacketSize: number
  /** How many messages it takes before it answered the first. */
  readonly receiveMaximum: number
  /** Resolves when the broker has it (QoS 1), or when it is written (QoS 0). Rejects with a reason. */
  readonly publish: (topic: string, payload: string, options: IClientPublishOptions) => Promise<void>
  /** Resolves when every topic is subscribed to, with QoS 0. */
  readonly subscribe: (topics: readonly string[]) => Promise<void>
  readonly unsubscribe: (topic: string) => void
  readonly isOpen: () => boolean
  /** Resolves when it is no more. */
  readonly closed: Promise<void>
  readonly close: () => void
}
/** Rejects with a `Reason`. */
export const openLine = async (options: LineOptions): Promise<Line> => {
  const client = (await loadMqtt()).connect(options.url, {
    protocolVersion: 5,
    clean: true,
    reconnectPeriod: 0,
    keepalive: 15,
    clientId: `${options.role}-${randomUUID()}`,
    username: options.username,
    password: options.password,
    connectTimeout: options.timeoutMillis,
    subscribeBatchSize: 100,
    ...(options.maximumPacketSize === undefined ? {} : { properties: { maximumPacketSize: options.maximumPacketSize } })
  } satisfies IClientOptions)
  const waiting = new Set<(reason: Reason) => void>()
  let ended: Reason | undefined
  /** The first word counts: after a refusal the broker closes as well. */
  const end = (cause: unknown) => {
    ended ??= reasonOf(cause)
    for (const reject of waiting) reject(ended)
  }
  const closed = new Promise<void>((resolve) => client.once("close", resolve))
  client.on("error", end)
  client.on("disconnect", ({ reasonCode }) => end({ code: reasonCode, message: "the broker disconnected us" }))
  client.on("close", () => end(new Error("the connection to the broker closed")))
  client.on("message", (topic, payload, { properties }) =>
    options.onMessage?.(topic, String(payload), String(properties?.correlationData ?? ""))
  )
  const within = <A>(ask: (settle: (cause: unknown, value: A) => void) => void): Promise<A> =>
    new Promise((resolve, reject) => {
      if (ended !== undefined) return reject(ended)
      const timer = setTimeout(() => {
        end(new Error(`no answer of the broker within ${options.timeoutMillis} ms`))
        client.end(true)
      }, options.timeoutMillis)
      const fail = (cause: unknown) => {
        clearTimeout(timer)
        waiting.delete(fail)
        reject(reasonOf(cause))
      }
      waiting.add(fail)
      ask((cause, value) => {
        if (cause) return fail(cause)
        clearTimeout(timer)
        waiting.delete(fail)
        resolve(value)
      })
    })
  try {
    const { properties } = await within<Awaited<ReturnType<typeof connected>>>(
      (settle) => void connected(client).then((connack) => settle(undefined, connack))
    )
    return {
      maximumPacketSize: properties?.maximumPacketSize ?? 268_435_455,
      receiveMaximum: properties?.receiveMaximum ?? 65_535,
      publish: (topic, payload, how) =>
        within<void>((settle) => client.publish(topic, payload, how, (cause) => settle(cause, undefined))),
      subscribe: (wanted) =>
        within<void>((settle) => client.subscribe([...wanted], { qos: 0 }, (cause) => settle(cause, undefined))),
      unsubscribe: (topic) => void client.unsubscribe(topic),
      isOpen: () => client.connected,
      closed,
      close: () => void client.end(true)
    }
  } catch (cause) {
    client.end(true)
    throw cause
  }
}
const connected = (client: MqttClient) =>
  new Promise<Parameters<Parameters<typeof client.on<"connect">>[1]>[0]>((resolve) => client.once("connect", resolve))

const loadMqtt = async () => {
  try {
    return (await import("mqtt")).default
  } catch (cause) {
    if ((cause as { readonly code?: string }).code !== "ERR_MODULE_NOT_FOUND") throw cause
    throw new GatewayRefused({ status: 501, remedy: "mqttGateway() needs the package mqtt: npm install mqtt" })
  }
}
