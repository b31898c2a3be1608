/**
 * Writes long threads straight into a log's file, as many finished runs would have left them.
 */
import * as Effect from "effect/Effect"
import { sqliteLog } from "throughline/adapters/logs/sqlite"
import { ThreadLog } from "throughline/effect"
import type { Entry, KnownEvent, View } from "throughline/protocol"
import { emptyControl } from "../../../src/thread/control.ts"
import { createFold } from "../../../src/thread/fold.ts"
import { answer } from "../child.ts"

export interface Filling {
  readonly file: string
  readonly thread: string
  readonly events: number
}
const EVENTS_PER_RUN = 200
const EVENTS_PER_ENTRY = 10

/** A question and an answer of 200 events in all. */
const eventsOfRun = (number: number): KnownEvent[] => {
  const [run, part, message] = [`run-${number}`, `part-${number}`, `answer-${number}`]
  const before: KnownEvent[] = [
    {
      type: "message.posted",
      message: `question-${number}`,
      role: "user",
      parts: [{ type: "text", text: "And then?" }]
    },
    { type: "run.accepted", run, agent: "typist", message: `question-${number}` },
    { type: "run.started", run, epoch: 1 },
    { type: "text.started", run, part, message }
  ]
  const after: KnownEvent[] = [
    { type: "text.finished", run, part },
    { type: "run.finished", run, outcome: { type: "completed" } }
  ]
  const deltas = Array.from({ length: EVENTS_PER_RUN - before.length - after.length }, (): KnownEvent => ({
    type: "text.delta",
    run,
    part,
    text: " word"
  }))
  return [...before, ...deltas, ...after]
}

const fill = Effect.fnUntraced(function* ({ thread, events }: Filling) {
  const log = yield* ThreadLog
  const fold = createFold()
  let head = yield* log.head(`main/${thread}`)
  const all = Array.from({ length: events / EVENTS_PER_RUN }, (_, number) => eventsOfRun(number)).flat()
  for (let from = 0; from < all.length; from += EVENTS_PER_ENTRY) {
    const offset = head.offset + 1
    const entry: Entry = {
      v: 1,
      logId: `log-${thread}`,
      thread,
      offset,
      id: `entry-${offset}`,
      prev: head.id,
      at: "2026-01-01T00:00:00.000Z",
      events: all.slice(from, from + EVENTS_PER_ENTRY)
    }
    fold.apply(entry)
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
  }
  return fold.view
})

answer({
  /** Answers the view that a full replay gives. */
  fill: (filling: Filling): Promise<View> =>
    Effect.runPromise(fill(filling).pipe(Effect.provide(sqliteLog({ file: filling.file }))))
})
