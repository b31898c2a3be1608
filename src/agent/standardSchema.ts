/** Checks values with any Standard Schema (zod, valibot, arktype, Effect, …). Source: standardschema.dev */
import type { StandardJSONSchemaV1, StandardSchemaV1 } from "@standard-schema/spec"
import { fault, type Fault } from "../protocol/Fault.ts"
import type { Json } from "../protocol/Json.ts"
import { jsonFault } from "../protocol/JsonValue.ts"

export type Checked<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: Fault }

const MAX_PATH_LENGTH = 256

const checked = <T>(result: StandardSchemaV1.Result<T>, code: "BAD_INPUT" | "BAD_OUTPUT" | "BAD_SHAPE"): Checked<T> => {
  if (result.issues === undefined) return { ok: true, value: result.value }
  const issue = result.issues[0]
  const path = (issue?.path ?? [])
    .map((segment) => (typeof segment === "object" ? segment.key : segment))
    .map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`))
    .join("")
    .replace(/^\./, "")
    // keys may be what a person sent, of any length
    .slice(0, MAX_PATH_LENGTH)
    .toWellFormed()
  const more = result.issues.length > 1 ? ` (and ${result.issues.length - 1} more)` : ""
  const message = `${path === "" ? "" : `${path}: `}${issue?.message ?? "does not fit the schema"}${more}`.slice(0, 300)
  return { ok: false, fault: fault(code, message, path === "" ? {} : { path }) }
}
export const check = async <S extends StandardSchemaV1>(
  schema: S,
  value: unknown,
  code: "BAD_INPUT" | "BAD_OUTPUT"
): Promise<Checked<StandardSchemaV1.InferOutput<S>>> =>
  checked(await schema["~standard"].validate(value), code) as Checked<StandardSchemaV1.InferOutput<S>>

/** For schemas that answer at once; one that answers later is a mistake of the program. */
export const checkNow = (schema: StandardSchemaV1, value: unknown): Checked<unknown> => {
  const result = schema["~standard"].validate(value)
  if (result instanceof Promise) throw new TypeError("the schema of an event must check at once, not in a promise")
  return checked(result, "BAD_SHAPE")
}

/** JSON Schema (2020-12) of what the schema takes, where its library can tell and it is no larger than a form needs. */
export const jsonSchemaOf = (schema: StandardSchemaV1 | undefined): Json | undefined => {
  const props = schema?.["~standard"] as Partial<StandardJSONSchemaV1.Props> | undefined
  try {
    const json = props?.jsonSchema?.input({ target: "draft-2020-12" })
    if (json === undefined || jsonFault(json) !== undefined) return undefined
    return JSON.stringify(json).length <= MAX_SCHEMA_UNITS ? (json as Json) : undefined
  } catch {
    // not every schema has one
    return undefined
  }
}
const MAX_SCHEMA_UNITS = 16 * 1024
