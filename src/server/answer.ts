/**
 * Responses: the one shape of success and failure, and the headers that every answer carries. PROTOCOL.md#errors
 */
import { fault, FAULTS, type Fault, type FaultCode } from "../protocol/Fault.ts"

const HEADERS = {
  "content-type": "application/json; charset=utf-8",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff"
}
export const json = (
  body: unknown,
  init: { readonly status?: number; readonly headers?: Record<string, string> } = {}
) => rawJson(JSON.stringify(body), init)

/** `text` is JSON already: entries go out as they were stored. */
export const rawJson = (
  text: string,
  init: { readonly status?: number; readonly headers?: Record<string, string> } = {}
) => new Response(text, { status: init.status ?? 200, headers: { ...HEADERS, ...init.headers } })

const statusOf = (code: string): number => (code in FAULTS ? FAULTS[code as FaultCode].status : 500)

export const refuse = (error: Fault, headers: Record<string, string> = {}): Response => {
  const wait =
    error.retryAfterMillis === undefined ? {} : { "retry-after": String(Math.ceil(error.retryAfterMillis / 1_000)) }
  return json({ ok: false, error }, { status: statusOf(error.code), headers: { ...wait, ...headers } })
}
/** The same for what does not exist and what the sender may not know of. */
export const notFound = fault("NOT_FOUND", "there is no such thing here, or you may not see it")
