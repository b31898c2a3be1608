/**
 * What a conformance case for gateways gets and may use. No test runner inside: a case is a function that throws.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { GatewayClient, GatewayConnection } from "../client/GatewayClient.ts"
import type { Principal } from "../ports/Access.ts"
import type { GatewayService, UpstreamEvent, UpstreamReply } from "../ports/Gateway.ts"
import type { GatewayCapabilities } from "../ports/GatewayCapabilities.ts"
import type { GatewayError } from "../ports/GatewayError.ts"

/** A call of the gateway to the backend, as it came. */
export interface RecordedCall {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}
/**
 * One gateway with everything around it. The runner provides a fresh one, or one that cases can share: every case
 * makes its own groups and principals.
 */
export interface GatewayEnv {
  readonly gateway: GatewayService
  readonly client: GatewayClient
  /** The same adapter at the same service, with credentials of somebody else. */
  readonly foreign: GatewayService
  /** What the backend does with verified events; the runner routes the gateway's calls through `gateway.upstream`. */
  readonly onUpstream: (handle: (event: UpstreamEvent) => Effect.Effect<UpstreamReply>) => void
  /** Calls of the gateway so far, oldest first; handshakes included. */
  readonly calls: readonly RecordedCall[]
  /** Destroys every socket at the service without a goodbye. Absent where the service cannot. */
  readonly cut?: () => void
}
type BooleanCapability = {
  [K in keyof GatewayCapabilities]: GatewayCapabilities[K] extends boolean ? K : never
}[keyof GatewayCapabilities]

export interface GatewayCase {
  /** A sentence that holds for every gateway that claims what it needs. */
  readonly name: string
  /** Runs only where all of these are claimed. */
  readonly needs?: readonly BooleanCapability[]
  /** Runs only where the service can be cut. */
  readonly cuts?: boolean
  readonly run: (env: GatewayEnv) => Promise<void>
}
/** Whether a gateway's claims, and what its runner can do, call for the case. */
export const appliesTo = (
  { needs = [], cuts = false }: GatewayCase,
  { capabilities, canCut }: { readonly capabilities: GatewayCapabilities; readonly canCut: boolean }
): boolean => needs.every((claim) => capabilities[claim]) && (!cuts || canCut)

export class GatewayCaseFailed extends Error {
  override readonly name = "GatewayCaseFailed"
}
export function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new GatewayCaseFailed(message)
}
export const same = (got: unknown, expected: unknown, what: string): void => {
  const [a, b] = [JSON.stringify(got), JSON.stringify(expected)]
  check(a === b, `${what}: expected ${b?.slice(0, 300)}, got ${a?.slice(0, 300)}`)
}

const PATIENCE_MILLIS = 5_000
/** Waits until it holds, looking again after whatever may have changed it. */
export const eventually = async (holds: () => boolean, what: string): Promise<void> => {
  const until = Date.now() + PATIENCE_MILLIS
  while (!holds()) {
    if (Date.now() > until) throw new GatewayCaseFailed(`${what}: not within ${PATIENCE_MILLIS} ms`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

export const group = (): string => `g-${crypto.randomUUID()}`
export const someone = (): Principal => ({
  id: `user ${crypto.randomUUID()} é`,
  tenant: "acme",
  claims: { role: "reader", level: 3 }
})
/** JSON text of an object, as every frame is. */
export const frame = (content: unknown): string => JSON.stringify({ v: 1, content })

export const publish = (env: GatewayEnv, to: string, text: string): Promise<void> =>
  Effect.runPromise(env.gateway.publish(to, text))
/** The error that the effect failed with; throws when it did not fail. */
export const failure = async (effect: Effect.Effect<unknown, GatewayError>, what: string): Promise<GatewayError> => {
  const result = await Effect.runPromise(Effect.result(effect))
  check(Result.isFailure(result), `${what}: expected it to fail`)
  return result.failure
}

/** A connected client and what it heard. */
export interface Watcher {
  readonly connection: GatewayConnection
  readonly frames: string[]
  readonly opened: () => number
  readonly interrupted: () => number
  readonly alive: () => number
  /** Reasons, one per call of `onClosed`. */
  readonly closed: string[]
}
export const connect = async (
  env: GatewayEnv,
  options: {
    readonly principal?: Principal
    readonly groups: readonly string[]
    readonly ttlMillis?: number
    readonly upstream?: boolean
    readonly from?: GatewayService
    readonly atExpiry?: boolean
  }
): Promise<Watcher> => {
  const {
    principal = someone(),
    groups,
    ttlMillis = 60_000,
    upstream = env.gateway.capabilities.upstream,
    from = env.gateway
  } = options
  const granted = await Effect.runPromise(from.grant({ principal, groups, ttlMillis }))
  // Whole seconds are as fine as tokens count.
  if (options.atExpiry === true)
    await new Promise((resolve) => setTimeout(resolve, granted.expiresAt + 1_100 - Date.now()))
  const counts = { opened: 0, interrupted: 0, alive: 0 }
  const frames: string[] = []
  const closed: string[] = []
  const connection = env.client.connect(
    {
      gateway: env.gateway.name,
      url: granted.url,
      ...(granted.token === undefined ? {} : { token: granted.token }),
      expiresAt: new Date(granted.expiresAt).toISOString(),
      groups: Object.fromEntries(groups.map((name) => [name, name])),
      reconnectSpreadMillis: 0,
      upstream
    },
    {
      onOpen: () => void counts.opened++,
      onFrame: (text) => void frames.push(text),
      onInterrupted: () => void counts.interrupted++,
      onAlive: () => void counts.alive++,
      onClosed: ({ message }) => void closed.push(message)
    }
  )
  return {
    connection,
    frames,
    closed,
    opened: () => counts.opened,
    interrupted: () => counts.interrupted,
    alive: () => counts.alive
  }
}
/** Connects, runs, closes, whatever happens. */
export const watching = async <A>(
  env: GatewayEnv,
  options: Parameters<typeof connect>[1],
  run: (watcher: Watcher) => Promise<A>
): Promise<A> => {
  const watcher = await connect(env, options)
  try {
    await eventually(() => watcher.opened() > 0 || watcher.closed.length > 0, "the connection opens")
    check(watcher.closed.length === 0, `the connection was refused: ${watcher.closed[0]}`)
    return await run(watcher)
  } finally {
    watcher.connection.close()
  }
}
