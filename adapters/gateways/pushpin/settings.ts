/** The options of the server half, and what is wrong with them. */
import { checkUrl } from "../../../src/gateway/errors.ts"
import { deriveSecrets, type GatewaySecrets } from "../../../src/gateway/secrets.ts"
import { capabilities } from "./capabilities.ts"

export interface PushpinGatewayOptions {
  /** Where frames are published: `http://127.0.0.1:5561` of Pushpin, `https://api.fastly.com/service/<id>` of Fastly. */
  readonly controlUri: string
  /** Proves to `controlUri` who publishes: a bearer token, or, with `controlIss`, the key that signs one. Secret. */
  readonly controlKey?: string
  /** Issuer of the signed tokens. */
  readonly controlIss?: string
  /** What clients connect to: Pushpin's public address and the path of the upstream route, `https://host/upstream/pushpin`. */
  readonly clientUrl: string
  /** What Pushpin signs its calls with: `sig_key` of pushpin.conf, or the public key in PEM. Secret, unless public. */
  readonly sigKey: string
  /** `iss` that the signature must have, as `sig_iss` of pushpin.conf. Default: any. */
  readonly sigIss?: string
  /** At least 32 characters of your own; seals tickets and names groups. All processes of the backend share it. Secret. */
  readonly key: string
  /** Groups of one connection: `connection_subscription_max` of pushpin.conf, which drops what is above. Default 20. */
  readonly maxGroups?: number
  /** Smaller where the proxy takes smaller publishes. Default, and most: 262,144. */
  readonly maxFrameBytes?: number
  /** A publish that hears nothing for this long fails as unavailable. Default 10 s. */
  readonly timeoutMillis?: number
}
export interface Settings {
  readonly control: {
    readonly control_uri: string
    readonly control_iss?: string
    readonly key?: string
  }
  readonly clientUrl: string
  readonly sigKey: string
  readonly sigIss: string | undefined
  readonly secrets: GatewaySecrets
  readonly maxGroups: number
  readonly maxFrameBytes: number
  readonly timeoutMillis: number
}

const MIN_SIG_KEY = 16

/** Throws a `TypeError` that names the option and what it should be. */
export const readSettings = (options: PushpinGatewayOptions): Settings => {
  const { controlIss, controlKey, maxFrameBytes = capabilities.maxFrameBytes, maxGroups = 20, sigIss, sigKey } = options
  const controlUri = checkUrl("controlUri", options.controlUri)
  const clientUrl = checkUrl("clientUrl", options.clientUrl)
  if (new URL(clientUrl).pathname === "/")
    throw new TypeError("clientUrl must end with the path of the upstream route: https://host/upstream/pushpin")
  if (typeof sigKey !== "string" || sigKey.length < MIN_SIG_KEY)
    throw new TypeError(
      `sigKey must have at least ${MIN_SIG_KEY} characters: set \`sig_key\` in pushpin.conf, whose default anyone knows`
    )
  if (controlIss !== undefined && !controlKey)
    throw new TypeError("controlKey is missing: it signs the tokens of `controlIss`")
  whole("maxGroups", maxGroups, 1, 10_000)
  whole("maxFrameBytes", maxFrameBytes, 1024, capabilities.maxFrameBytes)
  const timeoutMillis = whole("timeoutMillis", options.timeoutMillis ?? 10_000, 1, 600_000)
  return {
    control: {
      control_uri: controlUri,
      ...(controlIss === undefined ? {} : { control_iss: controlIss }),
      ...(controlKey === undefined ? {} : { key: controlKey })
    },
    clientUrl,
    sigKey,
    sigIss,
    secrets: deriveSecrets("pushpin", options.key),
    maxGroups,
    maxFrameBytes,
    timeoutMillis
  }
}

const whole = (setting: string, value: number, least: number, most: number): number => {
  if (!Number.isInteger(value) || value < least || value > most)
    throw new TypeError(`${setting} must be an integer from ${least} to ${most}`)
  return value
}
