/**
 * What a conformance case for logs is, and the words that the cases are written in. No test runner inside.
 *
 * Each case works on threads of its own, so cases may share one store and run in any order.
 */
import * as Effect from "effect/Effect"
import { v7 } from "uuid"
import type { Json } from "../protocol/Json.ts"
import type { LogError, LogErrorReason } from "../ports/LogError.ts"
import type { Append, AppendResult, Head, Note, StoredEntry, ThreadLogService } from "../ports/ThreadLog.ts"

/** The log does not keep a promise of the port. The message says what was expected and what came. */
export class ConformanceFailure extends Error {
  override readonly name = "ConformanceFailure"
}
export interface LogEnv {
  /** Another instance over the same store, as another process would have it. */
  readonly second: ThreadLogService
  /** Bound of the cases that wait, in milliseconds of the running clock. Default 5,000. */
  readonly patienceMillis?: number
}
export interface LogCase {
  readonly name: string
  readonly run: (log: ThreadLogService, env: LogEnv) => Effect.Effect<void, ConformanceFailure | LogError>
}

export const fail = (problem: string): Effect.Effect<never, ConformanceFailure> =>
  Effect.fail(new ConformanceFailure(problem))
/** Compares by JSON text. */
export const same = (what: string, found: unknown, expected: unknown): Effect.Effect<void, ConformanceFailure> => {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)]
  return a === b ? Effect.void : fail(`${what}: expected ${short(b)}, found ${short(a)}`)
}
const short = (text: string | undefined): string =>
  text === undefined ? "undefined" : text.length > 200 ? `${text.slice(0, 200)}… (${text.length})` : text

export const newThread = (tenant = "main"): string => `${tenant}/case-${v7()}`
export const ALL = { limit: 10_000, maxBytes: 64 * 1024 * 1024 }

/** The append that follows `expected`; what is not said stays as it is. */
export const following = (
  expected: Head,
  change: {
    readonly id?: string
    readonly logId?: string
    readonly body?: string
    readonly control?: Json
    readonly due?: number | null
    readonly notes?: readonly Note[]
  } = {}
): Append => {
  const id = change.id ?? v7()
  return {
    expected,
    logId: change.logId ?? (expected.logId === "" ? v7() : expected.logId),
    entry: { offset: expected.offset + 1, id, body: change.body ?? JSON.stringify({ id }) },
    control: change.control === undefined ? expected.control : change.control,
    due: change.due === undefined ? expected.due : change.due,
    notes: change.notes ?? []
  }
}
export const appended = (what: string, result: AppendResult): Effect.Effect<Head, ConformanceFailure> =>
  result._tag === "Appended"
    ? Effect.succeed(result.head)
    : fail(
        `${what}: expected Appended, found ${result._tag}${result._tag === "Unknown" ? ` (${String(result.cause)})` : ""}`
      )
export const conflicts = (what: string, result: AppendResult): Effect.Effect<void, ConformanceFailure> =>
  same(what, result._tag, "Conflict")

/** Appends `count` entries to the thread's end; answers them and the head. */
export const grow = Effect.fnUntraced(function* (log: ThreadLogService, thread: string, count: number) {
  let head = yield* log.head(thread)
  const entries: StoredEntry[] = []
  for (let n = 0; n < count; n++) {
    const next = following(head, { body: JSON.stringify({ n }) })
    head = yield* appended("append", yield* log.append(thread, next))
    entries.push(next.entry)
  }
  return { head, entries }
})
/** Everything that is in the thread. */
export const entriesOf = (log: ThreadLogService, thread: string, after = 0) =>
  Effect.map(log.read(thread, after, ALL), (page) => page.entries)

/** Expects that `effect` fails with this reason. */
export const failsWith = <A>(
  what: string,
  effect: Effect.Effect<A, LogError>,
  tag: LogErrorReason["_tag"]
): Effect.Effect<LogErrorReason, ConformanceFailure> =>
  Effect.matchEffect(effect, {
    onSuccess: () => fail(`${what}: expected ${tag}, but it succeeded`),
    onFailure: ({ reason }) =>
      reason._tag === tag ? Effect.succeed(reason) : fail(`${what}: expected ${tag}, found ${reason.message}`)
  })
export const snapshotAt = (head: Head, view: Json = { messages: [] }) => ({
  logId: head.logId,
  offset: head.offset,
  id: head.id,
  foldVersion: 1,
  hash: "h",
  view
})
