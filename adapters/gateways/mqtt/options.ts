/** What `mqttGateway()` is given, and what is wrong with it. */
import { checkUrl } from "../../../src/gateway/errors.ts"
import type { MqttCredentials } from "./credentials.ts"

export interface MqttGatewayOptions {
  /** The broker as the backend sees it: `mqtt(s)://host[:port]`, or `ws(s)://host[:port][/path]`. */
  readonly url: string
  /** The broker as clients see it: `ws(s)://host[:port][/path]`. */
  readonly clientUrl: string
  /** The backend's user at the broker. */
  readonly username: string
  /** Secret. */
  readonly password: string
  /** At least 32 characters, shared with the bridge. Secret. */
  readonly key: string
  /** How clients get their rights. Default: clients of Mosquitto's dynamic security plugin. */
  readonly credentials?: MqttCredentials
  /** First level of every topic; 1–64 of `[A-Za-z0-9_-]`. Default `throughline`. */
  readonly prefix?: string
  /** Largest frame in bytes; larger entries go out as head frames. Default 64 KiB: README.md, Limits. */
  readonly maxFrameBytes?: number
  /** Most frames under way. Default 64, or what the broker allows. */
  readonly maxInFlight?: number
  /** Connecting, and each answer of the broker. Default 10 s. */
  readonly timeoutMillis?: number
}
/** Throws a `TypeError` that names the setting. */
export const checkOptions = ({
  clientUrl,
  maxFrameBytes = 1024,
  maxInFlight = 1,
  password,
  prefix,
  url,
  username
}: MqttGatewayOptions) => {
  checkBrokerUrl("url", url, ["mqtt", "mqtts", "ws", "wss"])
  checkBrokerUrl("clientUrl", clientUrl, ["ws", "wss"])
  checkPrefix(prefix)
  if (!username || !password)
    throw new TypeError("username and password must be those of the backend's user at the broker")
  if (!Number.isInteger(maxFrameBytes) || maxFrameBytes < 1024)
    throw new TypeError("maxFrameBytes must be an integer from 1024")
  if (!Number.isInteger(maxInFlight) || maxInFlight < 1) throw new TypeError("maxInFlight must be an integer from 1")
}
export const checkPrefix = (prefix = "throughline"): string => {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(prefix)) throw new TypeError("prefix must be 1–64 of A–Z a–z 0–9 _ -")
  return prefix
}
export const checkBrokerUrl = (setting: string, url: string, schemes: readonly string[]): string => {
  const checked = checkUrl(setting, url, schemes)
  if (new URL(checked).username !== "")
    throw new TypeError(`${setting} must not contain a user; use username and password`)
  return checked
}
