/**
 * How much one principal may ask of this process: a token bucket for each kind of request. PROTOCOL.md#security
 *
 * Memory is bounded: the principals that called last are remembered, the others begin anew with full buckets. The
 * buckets are per process, so n processes allow n times as much. Who has not signed in is for the host to limit.
 */
import { fault, type Fault } from "../protocol/Fault.ts"
import type { Principal } from "../ports/Access.ts"
import { tenantOf } from "./tenants.ts"

export interface Rate {
  readonly perSecond: number
  /** What may be used at once after a pause. */
  readonly burst: number
}
export type LimitKind = "requests" | "starts" | "posts" | "interrupts" | "replayBytes"
export type Limits = Readonly<Record<LimitKind, Rate>>

/** Far above what people and their pages do, far below what hurts. `requests` counts the others, too. */
const DEFAULT_LIMITS: Limits = {
  requests: { perSecond: 100, burst: 1_000 },
  starts: { perSecond: 20, burst: 200 },
  posts: { perSecond: 50, burst: 500 },
  interrupts: { perSecond: 50, burst: 500 },
  replayBytes: { perSecond: 8 * 1024 * 1024, burst: 128 * 1024 * 1024 }
}
/** Principals whose buckets are remembered. */
const KEPT_PRINCIPALS = 10_000

export interface Limiter {
  /** Takes one from each bucket, or nothing and answers why not. */
  readonly take: (principal: Principal, kinds: readonly LimitKind[]) => Fault | undefined
  /** What an answer weighed; known only afterwards, so a bucket may be overdrawn by one answer. */
  readonly spend: (principal: Principal, kind: LimitKind, amount: number) => void
}
interface Bucket {
  left: number
  at: number
}

/** `false`: no limits. Throws a `TypeError` for a rate that allows nothing. `now`: epoch milliseconds, any clock. */
export const makeLimiter = (wanted: Partial<Limits> | false | undefined, now: () => number): Limiter => {
  if (wanted === false) return { take: () => undefined, spend: () => {} }
  const limits: Limits = { ...DEFAULT_LIMITS, ...wanted }
  for (const [kind, { burst, perSecond }] of Object.entries(limits)) {
    if (!(perSecond > 0 && burst >= 1))
      throw new TypeError(`limits.${kind}: perSecond must be above 0, burst at least 1`)
  }
  const principals = new Map<string, Map<LimitKind, Bucket>>()

  const bucketsOf = (principal: Principal): Map<LimitKind, Bucket> => {
    const key = `${tenantOf(principal)}/${principal.id}`
    const known = principals.get(key) ?? new Map<LimitKind, Bucket>()
    // the map's order is that of the last use
    principals.delete(key)
    principals.set(key, known)
    if (principals.size > KEPT_PRINCIPALS) principals.delete(principals.keys().next().value!)
    return known
  }
  const fill = (buckets: Map<LimitKind, Bucket>, kind: LimitKind): Bucket => {
    const { burst, perSecond } = limits[kind]
    const time = now()
    const bucket = buckets.get(kind)
    if (bucket === undefined) {
      const full = { left: burst, at: time }
      buckets.set(kind, full)
      return full
    }
    // a clock that was set back gives nothing and takes nothing
    bucket.left = Math.min(burst, bucket.left + (Math.max(0, time - bucket.at) / 1_000) * perSecond)
    bucket.at = time
    return bucket
  }
  return {
    take: (principal, kinds) => {
      const buckets = bucketsOf(principal)
      const wait = Math.max(
        ...kinds.map((kind) => {
          const missing = 1 - fill(buckets, kind).left
          // what is a rounding error short is not short
          return missing <= 1e-9 ? 0 : Math.ceil((missing / limits[kind].perSecond) * 1_000 - 1e-6)
        })
      )
      if (wait > 0) return fault("RATE_LIMITED", `too many requests; wait ${wait} ms`, { retryAfterMillis: wait })
      for (const kind of kinds) if (kind !== "replayBytes") buckets.get(kind)!.left -= 1
      return undefined
    },
    spend: (principal, kind, amount) => {
      fill(bucketsOf(principal), kind).left -= amount
    }
  }
}
