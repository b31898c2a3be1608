/**
 * A thread log in Cloudflare Durable Objects: one object per thread, its entries in the object's SQLite. For backends that
 * run as a Worker, with bindings to both classes of `object.ts`.
 *
 * Nothing is retried: an append without an answer is `Unknown`. `now` is the clock of the machine that the object runs on.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import {
  LogCorrupt,
  LogError,
  LogFull,
  LogUnavailable,
  OffsetExpired,
  RecordTooLarge,
  type LogErrorReason
} from "../../../src/ports/LogError.ts"
import { ThreadLog, type Append, type AppendResult, type ThreadLogService } from "../../../src/ports/ThreadLog.ts"
import { toText } from "./texts.ts"
import {
  DUE_OBJECTS,
  dueObject,
  dueObjectOf,
  type Announced,
  type Answer,
  type DueOperations,
  type Refusal,
  type ThreadOperations
} from "./wire.ts"
import type { ObjectNamespace } from "./workers.ts"

export interface DurableObjectsLogOptions {
  /** `env.THROUGHLINE_THREADS`: class `ThroughlineThread`. */
  readonly threads: ObjectNamespace
  /** `env.THROUGHLINE_DUE`: class `ThroughlineDue`. */
  readonly due: ObjectNamespace
  /** How long one call may take. Default 10,000. */
  readonly timeoutMillis?: number
}
const WHOLE_STORE = "*"
/** Questions that a Worker has open at once. */
const ASKED_AT_ONCE = 6
const DUE_ROUNDS = 20

const toReason = (thread: string, refusal: Refusal): LogErrorReason => {
  switch (refusal._tag) {
    case "OffsetExpired":
      return new OffsetExpired({ firstOffset: refusal.firstOffset })
    case "LogCorrupt":
      return new LogCorrupt({ thread, offset: refusal.offset, problem: refusal.problem })
    case "RecordTooLarge":
      return new RecordTooLarge(refusal)
    case "LogFull":
      return new LogFull({ cause: new Error(refusal.problem) })
  }
}
/** developers.cloudflare.com/durable-objects/best-practices/error-handling/ */
const toError = (operation: string, cause: unknown): LogError => {
  if (cause instanceof LogError) return cause
  const { overloaded } = Object(cause) as { readonly overloaded?: boolean }
  const reason = new LogUnavailable({ cause, ...(overloaded === true ? { retryAfterMillis: 1_000 } : {}) })
  return new LogError({ operation, reason })
}
const ensureFollows = (thread: string, { expected, entry, logId }: Append): void => {
  if (entry.offset === expected.offset + 1 && logId !== "" && (expected.logId === "" || logId === expected.logId))
    return
  throw new TypeError(`append to ${thread}: entry ${entry.offset} of log "${logId}" does not follow the expected head`)
}

const make = ({ due, threads, timeoutMillis = 10_000 }: DurableObjectsLogOptions): ThreadLogService => {
  const call = async (
    namespace: ObjectNamespace,
    name: string,
    { given, operation, signal, thread }: { given: object; operation: string; signal: AbortSignal; thread: string }
  ): Promise<unknown> => {
    const response = await namespace.get(namespace.idFromName(name)).fetch(`https://log/${operation}`, {
      method: "POST",
      body: JSON.stringify(given),
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMillis)])
    })
    if (response.status !== 200) throw new Error(`the object answered ${response.status}: ${await response.text()}`)
    const answered = (await response.json()) as Answer
    if ("refusal" in answered) throw new LogError({ operation, reason: toReason(thread, answered.refusal) })
    return answered.value
  }
  const ask = <O extends keyof ThreadOperations>(
    thread: string,
    operation: O,
    given: Parameters<ThreadOperations[O]>[0]
  ): Effect.Effect<ReturnType<ThreadOperations[O]>, LogError> =>
    Effect.tryPromise({
      try: (signal) =>
        call(threads, toText(thread), { given: { ...given, thread }, operation, signal, thread }) as Promise<
          ReturnType<ThreadOperations[O]>
        >,
      catch: (cause) => toError(operation, cause)
    })
  const askIndex = <O extends keyof DueOperations>(
    name: string,
    operation: O,
    given: Parameters<DueOperations[O]>[0]
  ): Effect.Effect<ReturnType<DueOperations[O]>, LogError> =>
    Effect.tryPromise({
      try: (signal) =>
        call(due, name, { given, operation, signal, thread: WHOLE_STORE }) as Promise<ReturnType<DueOperations[O]>>,
      catch: (cause) => toError("due", cause)
    })

  const listed = (before: number, limit: number) =>
    Effect.map(
      Effect.forEach(
        Array.from({ length: DUE_OBJECTS }, (_, index) => dueObject(index)),
        (name) => askIndex(name, "list", { before, limit }),
        { concurrency: ASKED_AT_ONCE }
      ),
      (lists) =>
        lists
          .flat()
          .sort((a, b) => a.at - b.at)
          .slice(0, limit)
    )
  /** Asks the threads themselves, and corrects the index. Answers which of them are due. */
  const settle = Effect.fnUntraced(function* (announced: readonly Announced[], before: number) {
    const asked = yield* Effect.forEach(
      announced,
      (one) => Effect.map(ask(one.thread, "due", {}), (at) => ({ ...one, due: at })),
      { concurrency: ASKED_AT_ONCE }
    )
    const wrong = Map.groupBy(
      asked.filter(({ at, due }) => at !== due),
      ({ thread }) => dueObjectOf(thread)
    )
    yield* Effect.forEach(wrong, ([name, settled]) => askIndex(name, "settle", { settled }))
    return asked.filter(({ due }) => due !== null && due < before).map(({ thread }) => thread)
  })

  return {
    name: "durable-objects",
    durability: {
      sigkill: "Everything acknowledged: an object's answer is held back until what it wrote is stored.",
      powerCut: "Everything acknowledged: Cloudflare stores each write in several places before it is acknowledged."
    },
    append: (thread, append) =>
      Effect.suspend(() => {
        ensureFollows(thread, append)
        return Effect.match(ask(thread, "append", { append }), {
          onSuccess: (head): AppendResult => (head === undefined ? { _tag: "Conflict" } : { _tag: "Appended", head }),
          onFailure: (error) => error
        }).pipe(
          Effect.flatMap((result): Effect.Effect<AppendResult, LogError> => {
            if (!(result instanceof LogError)) return Effect.succeed(result)
            return result.reason._tag === "LogUnavailable"
              ? Effect.succeed({ _tag: "Unknown", cause: result })
              : Effect.fail(result)
          })
        )
      }),
    knock: (thread, by) => ask(thread, "knock", { by }),
    head: (thread) => ask(thread, "head", {}),
    read: (thread, after, options) => ask(thread, "read", { after, options }),
    note: (thread, key) => ask(thread, "note", { key }),
    notes: (thread, prefix) => ask(thread, "notes", { prefix }),
    due: Effect.fnUntraced(function* (before, limit) {
      const found = new Set<string>()
      // what was announced too early is corrected, and the rest looked at again
      for (let round = 0; round < DUE_ROUNDS && found.size < limit; round++) {
        const announced = (yield* listed(before, limit + found.size)).filter(({ thread }) => !found.has(thread))
        if (announced.length === 0) break
        for (const thread of yield* settle(announced, before)) found.add(thread)
      }
      return [...found].slice(0, limit)
    }),
    snapshot: (thread) => ask(thread, "snapshot", {}),
    saveSnapshot: (thread, snapshot) => ask(thread, "saveSnapshot", { snapshot }),
    trim: (thread, offset) => ask(thread, "trim", { offset }),
    erase: Effect.fnUntraced(function* (thread, { from, noteKeys, to, tombstone }) {
      for (let next = from; ;) {
        const entries = yield* ask(thread, "between", { from: next, to })
        const last = entries.at(-1)
        if (last === undefined) break
        const erased = entries.map((entry) => ({ ...entry, body: tombstone(entry) }))
        yield* ask(thread, "erase", { entries: erased, noteKeys: [] })
        next = last.offset + 1
      }
      yield* ask(thread, "erase", { entries: [], noteKeys })
    }),
    drop: (thread, logId) => ask(thread, "drop", { logId })
  }
}

/** A log in Durable Objects. Throws a `TypeError` that names a binding that is absent. */
export const durableObjectsLog = (options: DurableObjectsLogOptions): Layer.Layer<ThreadLog> => {
  for (const name of ["threads", "due"] as const) {
    if (typeof Object(options[name]).idFromName !== "function")
      throw new TypeError(`${name} must be a Durable Object namespace: bind THROUGHLINE_${name.toUpperCase()}`)
  }
  return Layer.sync(ThreadLog, () => ThreadLog.of(make(options)))
}
