/**
 * What people read: closed pages of entries, and the view to begin from. PROTOCOL.md#requests
 *
 * Every answer is checked against the caller's rights now. Entries go out byte for byte as they were published.
 */
import * as Effect from "effect/Effect"
import { fault, type Fault } from "../protocol/Fault.ts"
import { isId, parseOffset } from "../protocol/Id.ts"
import { MAX_PAGE_BYTES, MAX_PAGE_ENTRIES, MAX_VIEW_BYTES } from "../protocol/Limits.ts"
import type { View, ViewPage } from "../protocol/View.ts"
import type { Principal } from "../ports/Access.ts"
import type { LogError } from "../ports/LogError.ts"
import type { Head } from "../ports/ThreadLog.ts"
import { faultOf, readView } from "../writer/readView.ts"
import { notFound, rawJson } from "./answer.ts"
import { permit } from "./caller.ts"
import type { ServerServices } from "./ServerServices.ts"

const positionOf = ({ id, logId, offset }: Head) => ({ logId, offset, id })
const orFault = <A>(read: Effect.Effect<A, LogError>): Effect.Effect<A, Fault> =>
  Effect.catch(read, (error) =>
    Effect.andThen(
      error.reason._tag === "OffsetExpired" ? Effect.void : Effect.logError(causeOf(error)),
      Effect.fail(faultOf(error))
    )
  )

/** For the operator: what the store said; never for clients. */
const causeOf = ({ message, reason }: LogError): string =>
  "cause" in reason && reason.cause instanceof Error ? `${message}: ${reason.cause.message}` : message

/** `after`: the reader's offset; `id` and `log`: the entry and history it has there, so that another one is noticed. */
export const readEntries = (services: ServerServices, principal: Principal, name: string, query: URLSearchParams) =>
  Effect.gen(function* () {
    const thread = yield* permit(services, principal, "read", name)
    const after = yield* numberIn(query, "after", 0)
    const limit = Math.min(yield* numberIn(query, "limit", MAX_PAGE_ENTRIES), MAX_PAGE_ENTRIES)
    if (limit < 1) return yield* Effect.fail(fault("BAD_NUMBER", "limit must be at least 1", { path: "limit" }))
    const log = query.get("log")
    const id = query.get("id")
    const anchored = id !== null && after > 0
    // the reader's own entry is read with the rest, so that both are of one moment
    const from = anchored ? after - 1 : after
    const { entries, head } = yield* orFault(
      services.log.read(thread, from, { limit: anchored ? limit + 1 : limit, maxBytes: MAX_PAGE_BYTES })
    )
    const position = positionOf(head)
    if (log !== null && log !== "" && log !== head.logId) {
      return yield* Effect.fail(fault("LOG_CHANGED", "the log has another history; take the view", { head: position }))
    }
    if (after > head.offset) {
      return yield* Effect.fail(
        fault("OFFSET_AHEAD", `the log ends at ${head.offset}`, { head: position, path: "after" })
      )
    }
    if (anchored && entries[0]?.id !== id) {
      return yield* Effect.fail(
        fault("LOG_CHANGED", "the entry at this offset is another; take the view", { head: position })
      )
    }
    const page = anchored ? entries.slice(1) : entries
    const last = page.at(-1)?.offset ?? after
    services.writers.counters.replayed += page.length
    const bodies = page.map((entry) => entry.body).join(",")
    const envelope = JSON.stringify({
      ok: true,
      logId: head.logId,
      head: { offset: head.offset, id: head.id },
      more: last < head.offset
    })
    services.limiter.spend(principal, "replayBytes", bodies.length)
    return rawJson(`${envelope.slice(0, -1)},"entries":[${bodies}]}`)
  })

/** The newest messages that fit, with runs, asks and state; older ones by `?before=<message id>`. */
export const readViewPage = (services: ServerServices, principal: Principal, name: string, query: URLSearchParams) =>
  Effect.gen(function* () {
    const thread = yield* permit(services, principal, "read", name)
    const before = query.get("before")
    if (before !== null && !isId(before))
      return yield* Effect.fail(fault("BAD_ID", "before is not an id", { path: "before" }))
    const { view } = yield* orFault(readView(services.log, thread))
    const page = before === null ? pageOf(view) : olderThan(view, before)
    if (page === undefined) return yield* Effect.fail(notFound)
    const text = JSON.stringify({ ok: true, ...page })
    services.limiter.spend(principal, "replayBytes", text.length)
    return rawJson(text)
  })

const sizeOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value))

/**
 * The newest whole messages that fit, their runs, and everything that is open.
 *
 * A reader folds on from this page, and an unfinished run goes on with its parts: whatever it wrote into is in the
 * page, with all messages after that, even where the page becomes much larger than `MAX_VIEW_BYTES`.
 */
const pageOf = (view: View): ViewPage => {
  const { messages, runs, ...rest } = view
  const bytes = MAX_VIEW_BYTES - Math.min(sizeOf(rest), MAX_VIEW_BYTES / 2)
  const from = Math.min(firstFitting(view, messages.length, bytes), firstUnfinished(view))
  if (from === 0) return { view }
  const first = firstRun(view, from)
  const shown = runs.filter((run, at) => at >= first || run.state !== "finished")
  return { view: { ...view, messages: messages.slice(from), runs: shown }, before: messages[from]!.id }
}
const olderThan = (view: View, before: string): ViewPage | undefined => {
  const { messages, runs } = view
  const end = messages.findIndex((message) => message.id === before)
  if (end < 0) return undefined
  const from = firstFitting(view, end, MAX_VIEW_BYTES)
  // what is not finished went out with the newest page
  const shown = runs.slice(firstRun(view, from), firstRun(view, end)).filter((run) => run.state === "finished")
  const page = { ...view, messages: messages.slice(from, end), runs: shown, asks: [], state: {} }
  return { view: page, ...(from > 0 ? { before: messages[from]!.id } : {}) }
}

/** The first message that an unfinished run wrote into; where there is none, the end. */
const firstUnfinished = ({ messages, runs }: View): number => {
  const open = new Set<string | undefined>(runs.flatMap(({ id, state }) => (state === "finished" ? [] : [id])))
  const first = messages.findIndex(({ parts, run }) => open.has(run) || parts.some((part) => open.has(part.run)))
  return first < 0 ? messages.length : first
}
/** Where the runs of the messages from `at` on begin, so that each finished run belongs to exactly one page. */
const firstRun = ({ messages, runs }: View, at: number): number => {
  if (at === 0) return 0
  const wrote = new Set(messages.slice(at).map((message) => message.run))
  const first = runs.findIndex((run) => wrote.has(run.id))
  return first < 0 ? runs.length : first
}
/** The first of the messages before `end` that fit together with their runs; one too large still goes out, alone. */
const firstFitting = ({ messages, runs }: View, end: number, bytes: number): number => {
  const runSizes = new Map(runs.map((run) => [run.id, sizeOf(run)]))
  let size = 0
  let from = end
  while (from > 0) {
    const message = messages[from - 1]!
    const ofRun = message.run === undefined ? 0 : (runSizes.get(message.run) ?? 0)
    if (message.run !== undefined) runSizes.delete(message.run)
    size += sizeOf(message) + ofRun + 2
    if (size > bytes && from < end) break
    from--
  }
  return from
}
const numberIn = (query: URLSearchParams, name: string, otherwise: number): Effect.Effect<number, Fault> => {
  const text = query.get(name)
  if (text === null) return Effect.succeed(otherwise)
  const value = parseOffset(text)
  return value === undefined
    ? Effect.fail(fault("BAD_NUMBER", `${name} must be an integer from 0 in plain digits`, { path: name }))
    : Effect.succeed(value)
}
