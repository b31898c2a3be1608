/**
 * Reads a request's JSON body: bounded in size and time, refused unless it says that it is JSON. The content type
 * matters: a page of another origin can send `text/plain` without asking, and JSON only after a preflight.
 */
import * as Effect from "effect/Effect"
import { fault, type Fault } from "../protocol/Fault.ts"
import { decodeBody, type Checked } from "../protocol/guardRequest.ts"
import { MAX_REQUEST_BYTES } from "../protocol/Limits.ts"

const READ_MILLIS = 10_000

export const readBody = <T>(request: Request, check: (value: unknown) => Checked<T>): Effect.Effect<T, Fault> =>
  Effect.gen(function* () {
    const type = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase()
    if (type !== "application/json") {
      return yield* Effect.fail(fault("UNSUPPORTED_MEDIA_TYPE", "send the body as application/json"))
    }
    const text = yield* readText(request, MAX_REQUEST_BYTES)
    const decoded = decodeBody(text)
    const checked = decoded.ok ? check(decoded.value) : decoded
    return checked.ok ? checked.value : yield* Effect.fail(checked.fault)
  })

const tooLarge = (limit: number) => fault("TOO_LARGE", `the body is larger than ${limit} bytes`, { limit })

const readText = (request: Request, limit: number): Effect.Effect<string, Fault> =>
  Effect.tryPromise({
    try: async (signal) => {
      if (Number(request.headers.get("content-length") ?? 0) > limit) throw tooLarge(limit)
      const reader = request.body?.getReader()
      if (reader === undefined) return ""
      signal.addEventListener("abort", () => void reader.cancel().catch(() => {}), { once: true })
      const decoder = new TextDecoder("utf-8", { fatal: true })
      let text = ""
      let size = 0
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return text + decoder.decode()
        size += value.byteLength
        if (size > limit) {
          await reader.cancel()
          throw tooLarge(limit)
        }
        text += decoder.decode(value, { stream: true })
      }
    },
    catch: (error): Fault =>
      error instanceof Error ? fault("BAD_JSON", "the body could not be read as UTF-8 text") : (error as Fault)
  }).pipe(
    Effect.timeoutOrElse({
      duration: READ_MILLIS,
      orElse: () => Effect.fail(fault("REQUEST_TIMEOUT", `the body did not arrive within ${READ_MILLIS} ms`))
    })
  )
