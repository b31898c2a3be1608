/** What a process of the backend is told: its store, its gateway, its part. */

export type StoreSettings =
  | { readonly kind: "sqlite"; readonly file: string }
  | { readonly kind: "redis"; readonly url: string }
  | { readonly kind: "azurite"; readonly connectionString: string }
export type GatewaySettings =
  | { readonly kind: "azure-web-pubsub"; readonly connectionString: string; readonly upstreamKey: string }
  | { readonly kind: "ws"; readonly url: string; readonly key: string }
export interface BackendSettings {
  readonly role: "server" | "worker"
  /** Of a server. */
  readonly port?: number
  readonly store: StoreSettings
  readonly gateway: GatewaySettings
  /** The file that agents note their side effects in. */
  readonly effects: string
  /** Over how long clients spread when all reconnect at once. */
  readonly reconnectSpreadMillis?: number
}
export const HUB = "throughline"
/** Names of Azure's table and queue. */
export const TABLE = "threads"
export const QUEUE = "jobs"
