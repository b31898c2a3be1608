/**
 * The one thing that the client throws: what ends an iteration over `events()` early. Applications know it by its
 * `name` and get the type alone, so that the class is loaded with the first iteration.
 */
import type { Fault } from "../protocol/Fault.ts"

/** `OFFSET_EXPIRED` and `LOG_CHANGED` are for ever; the rest may be tried again. */
export class ThreadError extends Error {
  readonly fault: Fault
  constructor(fault: Fault) {
    super(`${fault.code}: ${fault.message}`)
    this.name = "ThreadError"
    this.fault = fault
  }
}
