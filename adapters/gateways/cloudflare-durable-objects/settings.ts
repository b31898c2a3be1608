/** What the Worker is given: its bindings, variables and secrets by name. */
import { deriveSecrets, type GatewaySecrets } from "../../../src/gateway/secrets.ts"
import type { ObjectNamespace, Service } from "./workers.ts"
import { NAME } from "./wire.ts"

export interface GatewayWorkerEnv {
  /** The objects, class `ThroughlineGroup`. */
  readonly THROUGHLINE_GROUPS: ObjectNamespace
  /** At least 32 characters, shared with the backend. Secret. */
  readonly THROUGHLINE_KEY: string
  /** A key to change to, or from: backends may have either. Secret. */
  readonly THROUGHLINE_OTHER_KEY?: string
  /** The backend's `/upstream/cloudflare-durable-objects`. */
  readonly THROUGHLINE_UPSTREAM?: string
  /** The backend, where it is a Worker: calls go to it without leaving Cloudflare. */
  readonly THROUGHLINE_BACKEND?: Service
  /** Origins that browsers may connect from, with commas between; absent: any, since no cookie authenticates anyone here. */
  readonly THROUGHLINE_ORIGINS?: string
}

/** Throws a `TypeError` that names the setting. */
export const secretsOf = (env: GatewayWorkerEnv): readonly GatewaySecrets[] => [
  deriveSecrets(NAME, env.THROUGHLINE_KEY ?? "", "THROUGHLINE_KEY"),
  ...(env.THROUGHLINE_OTHER_KEY ? [deriveSecrets(NAME, env.THROUGHLINE_OTHER_KEY, "THROUGHLINE_OTHER_KEY")] : [])
]

export interface Backend {
  readonly url: string
  readonly fetch: Service["fetch"]
}
/** `undefined` where clients interrupt over HTTP. */
export const backendOf = ({ THROUGHLINE_BACKEND, THROUGHLINE_UPSTREAM }: GatewayWorkerEnv): Backend | undefined => {
  const url = THROUGHLINE_UPSTREAM || `https://backend/upstream/${NAME}`
  if (THROUGHLINE_BACKEND !== undefined) return { url, fetch: (...asked) => THROUGHLINE_BACKEND.fetch(...asked) }
  return THROUGHLINE_UPSTREAM ? { url, fetch: (...asked) => fetch(...asked) } : undefined
}
