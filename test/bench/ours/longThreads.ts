/**
 * Writes long threads through the log's port, as many finished runs would have left them: questions, statuses, a tool
 * with progress, answers of fifty deltas.
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { tablesLog } from "throughline/adapters/logs/azure-tables"
import { sqliteLog } from "throughline/adapters/logs/sqlite"
import { ThreadLog } from "throughline/effect"
import type { Entry, KnownEvent, View } from "throughline/protocol"
import { emptyControl } from "../../../src/thread/control.ts"
import { createFold } from "../../../src/thread/fold.ts"
import { snapshotOf } from "../../../src/writer/readView.ts"
import { answer } from "../child.ts"

/** A SQLite file, or a table of Azure Storage. */
export type Store = { readonly file: string } | { readonly connectionString: string }
export interface Filling {
  readonly store: Store
  readonly threads: readonly string[]
  readonly events: number
  readonly eventsPerEntry: number
  /** Saves a snapshot when so many events are written; the rest is the tail. Absent: none. */
  readonly snapshotAfter?: number
}
const DELTAS = 50
const WORDS = ["the ", "log ", "is the ", "only truth, ", "and a ", "gateway ", "may lose ", "what it carries: ", "so "]
const WRITTEN_AT = "2026-01-01T00:00:00.000Z"

/** 64 events: a question and what the run did about it. */
const turn = (number: number): readonly KnownEvent[] => {
  const [run, part, call] = [`run-${number}`, `part-${number}`, `call-${number}`]
  const [question, message] = [`question-${number}`, `answer-${number}`]
  const query = `gaps, part ${number}`
  return [
    {
      type: "message.posted",
      message: question,
      role: "user",
      parts: [{ type: "text", text: "How are gaps repaired?" }]
    },
    { type: "run.accepted", run, agent: "librarian", message: question, input: { question: query } },
    { type: "run.started", run, epoch: 1 },
    { type: "run.status", run, label: "Searching documentation", fraction: 0.1 },
    { type: "tool.started", run, message, call, name: "search", title: "Search", executor: "agent" },
    { type: "tool.called", run, call, input: { query, limit: 8 } },
    { type: "tool.progress", run, call, label: "reading", fraction: 0.5 },
    { type: "tool.finished", run, call, outcome: { type: "ok", output: { found: 8, best: `section-${number}` } } },
    { type: "run.status", run, label: "Writing" },
    { type: "text.started", run, part, message },
    ...Array.from({ length: DELTAS }, (_, index): KnownEvent => ({
      type: "text.delta",
      run,
      part,
      text: WORDS[(number + index) % WORDS.length] ?? ""
    })),
    { type: "text.finished", run, part },
    {
      type: "source.cited",
      run,
      message,
      source: `source-${number}`,
      title: "Guarantees",
      url: `/docs/guarantees#${number}`
    },
    { type: "run.status", run, label: "Done", fraction: 1 },
    { type: "run.finished", run, outcome: { type: "completed", result: { passages: 1 } } }
  ]
}
const eventsOf = (count: number): readonly KnownEvent[] => {
  const events: KnownEvent[] = []
  for (let number = 0; events.length < count; number++) events.push(...turn(number))
  return events.slice(0, count)
}

const fill = Effect.fnUntraced(function* ({ threads, events, eventsPerEntry, snapshotAfter }: Filling) {
  const log = yield* ThreadLog
  const all = eventsOf(events)
  let view: View | undefined
  for (const thread of threads) {
    const fold = createFold()
    let saved = snapshotAfter === undefined
    let head = yield* log.head(`main/${thread}`)
    for (let from = 0; from < all.length; from += eventsPerEntry) {
      const offset = head.offset + 1
      const entry: Entry = {
        v: 1,
        logId: `log-${thread}`,
        thread,
        offset,
        id: `entry-${offset}`,
        prev: head.id,
        at: WRITTEN_AT,
        events: all.slice(from, from + eventsPerEntry)
      }
      // The same view for each, but for the log's id: one full replay serves all.
      if (view === undefined || !saved) fold.apply(entry)
      const result = yield* log.append(`main/${thread}`, {
        expected: head,
        logId: entry.logId,
        entry: { offset, id: entry.id, body: JSON.stringify(entry) },
        control: emptyControl as never,
        due: null,
        notes: []
      })
      if (result._tag !== "Appended") return yield* Effect.die(new Error(`filling ${thread}: ${result._tag}`))
      head = result.head
      if (!saved && from + eventsPerEntry >= (snapshotAfter ?? 0)) {
        saved = true
        yield* log.saveSnapshot(`main/${thread}`, snapshotOf(fold.view))
      }
    }
    view ??= fold.view
  }
  return view
})

const logOf = (store: Store): Layer.Layer<ThreadLog, unknown> =>
  "file" in store ? sqliteLog({ file: store.file }) : tablesLog({ connectionString: store.connectionString })
let filling: Promise<View | undefined> | undefined

answer({
  /** Begins; `filled` answers the view that a full replay of the first thread gives. */
  fill: (wanted: Filling) => {
    filling = Effect.runPromise(fill(wanted).pipe(Effect.provide(logOf(wanted.store))))
    filling.catch(() => {})
  },
  /** `undefined` while it is not done yet. */
  filled: () => Promise.race([filling, new Promise<undefined>((resolve) => setTimeout(resolve, 30_000))])
})
