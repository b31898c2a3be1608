/** The options of `pusherGateway()`, checked, and the secrets that follow from the app's. */
import { createHash } from "node:crypto"
import { checkUrl } from "../../../src/gateway/errors.ts"
import { deriveSecrets, type GatewaySecrets } from "../../../src/gateway/secrets.ts"

export interface PusherGatewayOptions {
  /** `app_id`, `key` and `secret` under App Keys in the dashboard. */
  readonly appId: string
  readonly key: string
  /** Never travels; the secrets of tickets and group names are derived from it. Secret. */
  readonly secret: string
  /** As in the dashboard: `eu`, `mt1`. Absent where `restUrl` and `clientUrl` name a server of one's own. */
  readonly cluster?: string
  /** `http(s)://host[:port]` of another server with Pusher's HTTP API. */
  readonly restUrl?: string
  /** `ws(s)://host[:port]` of the same, for clients. */
  readonly clientUrl?: string
  /** The backend's `/upstream/pusher` route, as clients reach it. */
  readonly authUrl: string
  /**
   * Whether the app has client events and their webhook switched on. Without, say `false`: interrupts then go over HTTP at
   * once, and not after the 2 s that a client waits for the reply. Default true.
   */
  readonly webhooks?: boolean
  /** How far the time of a webhook may lie from now. Default 6 minutes: Pusher tries for five. */
  readonly upstreamClockMillis?: number
  /** Most requests in flight. Default 64. */
  readonly maxSockets?: number
  /** A publish that hears nothing for this long fails as unavailable. Default 10 s. */
  readonly timeoutMillis?: number
}
export interface Settings {
  readonly appId: string
  readonly key: string
  readonly secret: string
  readonly restUrl: URL
  readonly clientUrl: string
  readonly authUrl: string
  readonly webhooks: boolean
  readonly upstreamClockMillis: number
  readonly maxSockets: number
  readonly timeoutMillis: number
  /** Tickets of grants, group names, and the channels of the way back. */
  readonly secrets: GatewaySecrets
  /** Who speaks on a socket. A ticket is no such seal, nor the other way round. */
  readonly socketSecrets: GatewaySecrets
}

/** Throws a `TypeError` that names a wrong option. */
export const readSettings = (options: PusherGatewayOptions): Settings => {
  const { appId, cluster, key, secret } = options
  if (!/^[\w-]+$/.test(appId)) throw new TypeError("appId must be the app's `app_id`, as in the dashboard")
  if (!/^[\w-]+$/.test(key)) throw new TypeError("key must be the app's `key`, as in the dashboard")
  if (secret.length < 16) throw new TypeError("secret must be the app's `secret`, of at least 16 characters")
  const urls = [options.restUrl, options.clientUrl].filter((url) => url !== undefined)
  if (urls.length !== (cluster === undefined ? 2 : 0))
    throw new TypeError("give `cluster`, or `restUrl` and `clientUrl` for a server of your own")
  if (cluster !== undefined && !/^[a-z0-9-]+$/.test(cluster)) throw new TypeError("cluster must be a name like eu")
  const restUrl = checkHost("restUrl", options.restUrl ?? `https://api-${cluster}.pusher.com`, ["http", "https"])
  const clientUrl = checkHost("clientUrl", options.clientUrl ?? `wss://ws-${cluster}.pusher.com`, ["ws", "wss"])
  // the app's secret is short, but all that it guards here it guards at Pusher already
  const derivedFrom = createHash("sha256").update(`${appId}:${secret}`).digest("hex")
  return {
    appId,
    key,
    secret,
    restUrl: new URL(restUrl),
    clientUrl,
    authUrl: checkUrl("authUrl", options.authUrl),
    webhooks: options.webhooks ?? true,
    upstreamClockMillis: options.upstreamClockMillis ?? 6 * 60_000,
    maxSockets: options.maxSockets ?? 64,
    timeoutMillis: options.timeoutMillis ?? 10_000,
    secrets: deriveSecrets("pusher", derivedFrom),
    socketSecrets: deriveSecrets("pusher/socket", derivedFrom)
  }
}

/** The vendor's packages take no path. */
const checkHost = (setting: string, given: string, schemes: readonly string[]): string => {
  const url = new URL(checkUrl(setting, given, schemes))
  if (url.pathname !== "/" || url.search !== "" || url.username !== "")
    throw new TypeError(`${setting} must be ${schemes.join("|")}://host[:port], without a path`)
  return `${url.protocol}//${url.host}`
}
