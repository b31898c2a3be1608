/**
 * Who was taken out of which group lately: a token from before still names it, and is good for some minutes.
 *
 * In Redis where several nodes share one, one key for each principal; in memory where there is one node.
 */
import { MAX_TICKET_MILLIS } from "../../../src/gateway/secrets.ts"
import type { Principal } from "../../../src/ports/Access.ts"

/** One command to Redis. Rejects when there was no answer in time. */
export type Command = (...args: string[]) => Promise<unknown>

export interface Revocations {
  readonly add: (principal: Principal, group: string) => Promise<void>
  /** Groups that no token from before opens to the principal any more. */
  readonly of: (principal: Principal) => Promise<ReadonlySet<string>>
}
/** Longer than any token is good for, by what clocks may differ. */
const KEPT_MILLIS = MAX_TICKET_MILLIS * 2

/** One text for each principal of each tenant. */
export const nameOf = ({ id, tenant = "main" }: Principal): string => JSON.stringify([tenant, id])

export const revocationsInMemory = (): Revocations => {
  const byName = new Map<string, Map<string, number>>()
  return {
    add: async (principal, group) => {
      const now = Date.now()
      for (const [name, groups] of byName) {
        for (const [old, until] of groups) if (until <= now) groups.delete(old)
        if (groups.size === 0) byName.delete(name)
      }
      const name = nameOf(principal)
      const known = byName.get(name) ?? new Map<string, number>()
      byName.set(name, known.set(group, now + KEPT_MILLIS))
    },
    of: async (principal) => {
      const known = [...(byName.get(nameOf(principal)) ?? [])]
      return new Set(known.flatMap(([group, until]) => (until > Date.now() ? [group] : [])))
    }
  }
}

export const revocationsInRedis = (command: Command): Revocations => {
  const keyOf = (principal: Principal) => `throughline:revoked:${nameOf(principal)}`
  return {
    add: async (principal, group) => {
      const key = keyOf(principal)
      const now = Date.now()
      await command("ZADD", key, String(now + KEPT_MILLIS), group)
      await command("PEXPIRE", key, String(KEPT_MILLIS))
      await command("ZREMRANGEBYSCORE", key, "-inf", String(now))
    },
    of: async (principal) =>
      new Set((await command("ZRANGEBYSCORE", keyOf(principal), String(Date.now()), "+inf")) as string[])
  }
}
