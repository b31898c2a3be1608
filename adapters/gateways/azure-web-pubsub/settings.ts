/**
 * Options of the Azure Web PubSub adapter, checked once: a wrong setting throws a `TypeError` that names it when the
 * layer is made, not at the first publish. Keys stay inside `Settings`; no error carries one.
 */
import { hkdfSync } from "node:crypto"
import type { TokenCredential } from "@azure/core-auth"

interface CommonOptions {
  /** 1–128 characters, beginning with a letter. */
  readonly hub: string
  /**
   * What the event handler's URL must carry as `?code=`, or `"host"` when whoever hosts the backend has checked it
   * already (a function key, for instance). Absent: the gateway has no upstream, and clients interrupt over HTTP.
   */
  readonly upstreamKey?: string
  /** How far `ce-time` may lie from now. Default 5 minutes. */
  readonly upstreamClockMillis?: number
  /** Most requests in flight. Default 64. */
  readonly maxSockets?: number
  /** A publish that hears nothing for this long fails as unavailable. Default 10 s; the writer gives up earlier. */
  readonly timeoutMillis?: number
}
export interface AzureKeyOptions extends CommonOptions {
  /** `Endpoint=https://…;AccessKey=…;Version=1.0;` from the portal. Secret. */
  readonly connectionString: string
  /**
   * That of the service's other key, so that keys can be changed while it runs: what this one signed or sealed is
   * accepted, and nothing new is made with it. Secret.
   */
  readonly otherConnectionString?: string | undefined
}
export interface AzureIdentityOptions extends CommonOptions {
  /** `https://NAME.webpubsub.azure.com`. */
  readonly endpoint: string
  readonly credential: TokenCredential
  /** At least 32 characters, the same in every process: seals who a connection belongs to. Secret. */
  readonly connectionStateSecret: string
  /** One to change from or to: what it sealed is accepted, and nothing new is sealed with it. Secret. */
  readonly otherConnectionStateSecret?: string | undefined
}
export type AzureWebPubSubOptions = AzureKeyOptions | AzureIdentityOptions

export interface Settings {
  /** Without a slash at the end. */
  readonly endpoint: string
  readonly hub: string
  readonly access:
    | {
        readonly type: "key"
        readonly key: string
        /** Whose signatures are good: `key`, then the other one. */
        readonly accepted: readonly string[]
      }
    | { readonly type: "identity"; readonly credential: TokenCredential }
  /** 32 bytes; derived, so that it is not the key that signs requests. */
  readonly sealKey: Uint8Array
  /** Whose seals are good: `sealKey`, then the other one. */
  readonly openKeys: readonly Uint8Array[]
  readonly upstreamKey: string | undefined
  readonly upstreamClockMillis: number
  readonly maxSockets: number
  readonly timeoutMillis: number
}

const HUB = /^[A-Za-z][A-Za-z0-9_`,.[\]]{0,127}$/

const httpUrl = (text: string, setting: string): string => {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new TypeError(`${setting} must be an http(s) URL, such as https://NAME.webpubsub.azure.com`)
  }
  return text.replace(/\/+$/, "")
}

/** `Name=value;` pairs; names in any case, values may contain `=`. */
const parseConnectionString = (text: string, setting: string): { endpoint: string; key: string } => {
  const fields = new Map<string, string>()
  for (const pair of text.split(";")) {
    const at = pair.indexOf("=")
    if (at > 0) fields.set(pair.slice(0, at).trim().toLowerCase(), pair.slice(at + 1).trim())
  }
  const host = fields.get("endpoint")
  const key = fields.get("accesskey")
  if (!host || !key) {
    throw new TypeError(`${setting} must have Endpoint=… and AccessKey=…; copy it from Keys in the Azure portal`)
  }
  const url = new URL(
    httpUrl(/^[a-z][a-z0-9+.-]*:\/\//i.test(host) ? host : `https://${host}`, `Endpoint of ${setting}`)
  )
  const port = fields.get("port")
  if (port) url.port = port
  return { endpoint: url.origin, key }
}

/** Throws a `TypeError` naming the setting. */
export const readSettings = (options: AzureWebPubSubOptions): Settings => {
  if (!HUB.test(options.hub)) {
    throw new TypeError("hub must be 1–128 letters, digits or _ ` , . [ ], beginning with a letter")
  }
  if (options.upstreamKey !== undefined && options.upstreamKey !== "host" && options.upstreamKey.length < 16) {
    throw new TypeError('upstreamKey must have at least 16 characters, or be "host" where the host checks the key')
  }
  const common = {
    hub: options.hub,
    upstreamKey: options.upstreamKey,
    upstreamClockMillis: options.upstreamClockMillis ?? 5 * 60_000,
    maxSockets: options.maxSockets ?? 64,
    timeoutMillis: options.timeoutMillis ?? 10_000
  }
  if ("connectionString" in options) {
    const { endpoint, key } = parseConnectionString(options.connectionString, "connectionString")
    const accepted = [key]
    if (options.otherConnectionString !== undefined) {
      const other = parseConnectionString(options.otherConnectionString, "otherConnectionString")
      if (other.endpoint !== endpoint) {
        throw new TypeError("otherConnectionString must be of the same service: its Endpoint differs")
      }
      accepted.push(other.key)
    }
    return { ...common, endpoint, access: { type: "key", key, accepted }, ...seals(accepted) }
  }
  const secrets = [stateSecret(options.connectionStateSecret, "connectionStateSecret")]
  if (options.otherConnectionStateSecret !== undefined) {
    secrets.push(stateSecret(options.otherConnectionStateSecret, "otherConnectionStateSecret"))
  }
  return {
    ...common,
    endpoint: httpUrl(options.endpoint, "endpoint"),
    access: { type: "identity", credential: options.credential },
    ...seals(secrets)
  }
}

const stateSecret = (secret: string, setting: string): string => {
  if (secret.length < 32) throw new TypeError(`${setting} must have at least 32 characters`)
  return secret
}
/** The keys of these secrets, the current one first. */
const seals = (secrets: readonly string[]): Pick<Settings, "sealKey" | "openKeys"> => {
  const openKeys = secrets.map(derive)
  return { sealKey: openKeys[0]!, openKeys }
}

const derive = (secret: string) =>
  new Uint8Array(hkdfSync("sha256", secret, "", "throughline/azure-web-pubsub/connection", 32))
