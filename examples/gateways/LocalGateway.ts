/** A gateway with all that it needs, started on this machine: what the file of each gateway here makes. */
import type { GatewaySettings } from "./settings.ts"

export interface LocalGateway {
  /** What backends need to use it. */
  readonly settings: GatewaySettings
  /** Origins that a page has to be allowed to connect to. */
  readonly connectsTo: readonly string[]
  /** Resolves when the gateway has reached the backend; absent where it asks for nothing before there is something to bring. */
  readonly ready?: Promise<void>
  /** Destroys every connection, as a failing network would. */
  readonly cut: () => void | Promise<void>
  readonly close: () => Promise<void>
}
export interface StartOptions {
  /** The backend's route for what comes back, `http://host:port/…/upstream/<name>`. It need not answer yet. */
  readonly upstream: string
}
/** Rejects with a sentence for people where the real thing is not on this machine. */
export type StartGateway = (options: StartOptions) => Promise<LocalGateway>
