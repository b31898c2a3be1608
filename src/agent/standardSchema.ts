/** Checks values with any Standard Schema (zod, valibot, arktype, Effect, …). Source: standardschema.dev */
import type { StandardSchemaV1 } from "@standard-schema/spec"
import { fault, type Fault } from "../protocol/Fault.ts"

export type Checked<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: Fault }

const checked = <T>(result: StandardSchemaV1.Result<T>, code: "BAD_INPUT" | "BAD_OUTPUT" | "BAD_SHAPE"): Checked<T> => {
  if (result.issues === undefined) return { ok: true, value: result.value }
  const issue = result.issues[0]
  const path = (issue?.path ?? [])
    .map((segment) => (typeof segment === "object" ? segment.key : segment))
    .map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`))
    .join("")
    .replace(/^\./, "")
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
