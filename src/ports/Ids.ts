/** Ids as a service, so that tests and simulations are repeatable. UUIDv7: sorts by millisecond. PROTOCOL.md#ids */
import * as Context from "effect/Context"
import { v7 } from "uuid"

/** One call of the random source for many ids: it costs more than the rest of an id. */
const pool = new Uint8Array(8_192)
let used = pool.length
const rng = (): Uint8Array => {
  if (used === pool.length) {
    crypto.getRandomValues(pool)
    used = 0
  }
  used += 16
  return pool.subarray(used - 16, used)
}

export class Ids extends Context.Reference<{ readonly next: () => string }>("throughline/ports/Ids", {
  defaultValue: () => ({ next: () => v7({ rng }) })
}) {}
