/**
 * The JSON values that events, notes and interrupts carry.
 *
 * Only types: what is not JSON (NaN, functions, cycles) is refused where a value enters, by `assertJson`
 * in `JsonValue.ts`, so that nothing unserialisable ever reaches the log.
 */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json
}
