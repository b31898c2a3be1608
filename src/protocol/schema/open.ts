/**
 * The building blocks of the schemas: names, numbers, open JSON values, and structs that keep what they do not know.
 *
 * Each block uses the very predicate that the guard uses. Decode text from the wire with the guard first: schemas
 * recurse into JSON without a limit before they look at its depth.
 */
import * as Schema from "effect/Schema"
import { isForbidden, jsonCheck } from "../check.ts"
import { MAX_ID_LENGTH } from "../Limits.ts"
import { isId, isThreadName, THREAD_NAME, TIMESTAMP } from "../Id.ts"

/** 1–128 characters, no control characters. */
export const Id = Schema.String.check(
  Schema.isMinLength(1),
  Schema.isMaxLength(MAX_ID_LENGTH),
  Schema.makeFilter(isId, { expected: "an id of 1–128 characters without control characters" })
)
/** 1–128 of `[A-Za-z0-9._~:-]`, not `.` or `..`. */
export const ThreadName = Schema.String.check(
  Schema.isPattern(THREAD_NAME),
  Schema.makeFilter(isThreadName, { expected: "a thread's name" })
)
/** As `toISOString` writes it. */
export const Timestamp = Schema.String.check(
  Schema.isPattern(TIMESTAMP, { expected: "a time such as 2026-01-31T12:00:00.000Z" })
)

/** 0, 1, 2, … */
export const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
/** 1, 2, 3, … */
export const Positive = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))
/** 0 to 1. */
export const Fraction = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0), Schema.isLessThanOrEqualTo(1))

const isOpenJson = Schema.makeFilter((value: unknown) => jsonCheck(value) === undefined, {
  expected: "JSON, nested at most 64 deep, without keys that reach a prototype"
})
/** Any JSON value within the limits. */
export const Json = Schema.Json.check(isOpenJson)
export const JsonObject = Schema.Record(Schema.String, Schema.Json).check(isOpenJson)

const isAccepted = Schema.makeFilter(
  (value: object) => Object.entries(value).every(([key, member]) => !isForbidden(key, member)),
  { expected: "no key that reaches a prototype" }
)
/** Text by key, as tags are. */
export const TextByKey = Schema.Record(Schema.String, Schema.String).check(isAccepted)

/**
 * A struct that keeps unknown fields, as long as they are JSON. Its type is that of the known fields alone, so
 * that it equals the plain type.
 */
export const open = <const F extends Schema.Struct.Fields>(
  fields: F
): Schema.Codec<Schema.Struct<F>["Type"], Schema.Struct<F>["Encoded"]> & { readonly fields: F } => {
  // The record applies to known fields too, which have limits of their own; so the limits are in the filter.
  const isAcceptedRest = Schema.makeFilter(
    (value: object) =>
      Object.entries(value).every(
        ([key, member]) => Object.hasOwn(fields, key) || (!isForbidden(key, member) && jsonCheck(member) === undefined)
      ),
    { expected: "unknown fields to be JSON, nested at most 64 deep, without keys that reach a prototype" }
  )
  const schema = Schema.StructWithRest(Schema.Struct(fields), [Schema.Record(Schema.String, Schema.Json)]).check(
    isAcceptedRest
  )
  return Object.assign(schema, { fields }) as never
}
