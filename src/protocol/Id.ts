/**
 * Names that come from outside: ids, thread names, offsets, times. PROTOCOL.md#ids
 *
 * Each function only says whether a text is one; answering with a fault is the caller's part.
 */
import { MAX_ID_LENGTH } from "./Limits.ts"

/** The letters of a thread's name; `.` and `..` fit and are none. */
export const THREAD_NAME = /^[A-Za-z0-9._~:-]{1,128}$/
export const TIMESTAMP = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/

/** 1–128 UTF-16 units, no control characters (C0, DEL, C1: they break logs, terminals and headers). */
export const isId = (value: unknown): value is string => {
  if (typeof value !== "string" || value.length === 0 || value.length > MAX_ID_LENGTH) return false
  // A loop, because it runs five times for every delta and costs half of what a regular expression does.
  for (let index = 0; index < value.length; index += 1) {
    const unit = value.charCodeAt(index)
    if (unit < 0x20 || (unit > 0x7e && unit < 0xa0)) return false
  }
  return true
}

/** 1–128 of `[A-Za-z0-9._~:-]`, so that it needs no escape in a path, and not `.` or `..`. */
export const isThreadName = (value: unknown): value is string =>
  typeof value === "string" && THREAD_NAME.test(value) && value !== "." && value !== ".."

/** As `toISOString` writes the years 0000 to 9999; such texts compare like the times. */
export const isTimestamp = (value: unknown): value is string => typeof value === "string" && TIMESTAMP.test(value)

/**
 * The offset that `text` writes in plain ASCII digits: 0 to 2^53 - 1, no sign, space, point, exponent or leading
 * zero. `undefined` for anything else (`BAD_NUMBER`).
 */
export const parseOffset = (text: string): number | undefined => {
  if (!/^(0|[1-9][0-9]{0,15})$/.test(text)) return undefined
  const offset = Number(text)
  return Number.isSafeInteger(offset) ? offset : undefined
}
