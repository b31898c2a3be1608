/** Ids as a service, so that tests and simulations are repeatable. UUIDv7: sorts by time. PROTOCOL.md#ids */
import * as Context from "effect/Context"
import { v7 } from "uuid"

export class Ids extends Context.Reference<{ readonly next: () => string }>("throughline/ports/Ids", {
  defaultValue: () => ({ next: () => v7() })
}) {}
