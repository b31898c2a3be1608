/** Conformance of `knock`: who waits is named, everyone else conflicts, and no writer starves. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { ThreadLogService } from "../ports/ThreadLog.ts"
import { appended, conflicts, entriesOf, fail, following, grow, newThread, same } from "./logCase.ts"
import type { LogCase } from "./logCase.ts"

const POLITE_MILLIS = 250

/** Waits until the thread's foreign knock is gone, or for 250 ms; answers the newest head. */
const afterKnock = Effect.fnUntraced(function* (log: ThreadLogService, thread: string, name: string) {
  const until = (yield* Clock.currentTimeMillis) + POLITE_MILLIS
  for (;;) {
    const head = yield* log.head(thread)
    if (head.knock === null || head.knock.by === name || (yield* Clock.currentTimeMillis) >= until) return head
    yield* Effect.sleep(5 + Math.random() * 10)
  }
})
/** Appends once, as a writer with this lag between its read and its append; answers how often it lost. */
const appendOnce = Effect.fnUntraced(function* (
  log: ThreadLogService,
  thread: string,
  name: string,
  lagMillis: number
) {
  for (let losses = 0; ; losses++) {
    if (losses >= 2) yield* log.knock(thread, name)
    const head = yield* afterKnock(log, thread, name)
    yield* Effect.sleep(lagMillis)
    const result = yield* log.append(thread, following(head, { body: name }))
    if (result._tag === "Appended") return losses
  }
})

export const knockCases: readonly LogCase[] = [
  {
    name: "a knock names who waits, makes every other append conflict, and is cleared by the next append",
    run: Effect.fnUntraced(function* (log, { second }) {
      const thread = newThread()
      const { head } = yield* grow(log, thread, 2)
      const knocked = yield* second.knock(thread, "w2")
      yield* same("knock", knocked.knock?.by, "w2")
      yield* same("position", [knocked.logId, knocked.offset, knocked.id], [head.logId, 2, head.id])
      if (knocked.tag === head.tag) yield* fail("knock: the tag did not change")
      yield* conflicts("append over the knock", yield* log.append(thread, following(head)))
      yield* same("seen by the other", (yield* log.head(thread)).knock?.by, "w2")
      const next = yield* appended("append of who knocked", yield* second.append(thread, following(knocked)))
      yield* same("answered head", next.knock, null)
      yield* same("read head", (yield* log.head(thread)).knock, null)
      yield* same("entries", (yield* entriesOf(log, thread)).length, 3)
    })
  },
  {
    name: "a thread that never existed can be knocked at and then written",
    run: Effect.fnUntraced(function* (log) {
      const thread = newThread()
      const empty = yield* log.head(thread)
      const knocked = yield* log.knock(thread, "w1")
      yield* same("offset", [knocked.logId, knocked.offset, knocked.knock?.by], ["", 0, "w1"])
      yield* conflicts("over the knock", yield* log.append(thread, following(empty)))
      yield* appended("after the knock", yield* log.append(thread, following(knocked, { control: { v: 1 } })))
      yield* same("control", (yield* log.head(thread)).control, { v: 1 })
    })
  },
  {
    name: "of three writers with lags of 2, 5 and 30 ms none starves",
    run: Effect.fnUntraced(function* (log, { second, patienceMillis = 5_000 }) {
      const thread = newThread()
      yield* grow(log, thread, 1)
      let done = false
      let streamed = 0
      const stream = Effect.fnUntraced(function* (name: string, lagMillis: number) {
        while (!done) {
          yield* appendOnce(log, thread, name, lagMillis)
          streamed += 1
        }
      })
      const slow = Effect.fnUntraced(function* () {
        for (let n = 0; n < 3; n++) yield* appendOnce(second, thread, "slow", 30)
        done = true
      })
      const all = Effect.all([stream("fast", 2), stream("middle", 5), slow()], { concurrency: "unbounded" })
      yield* Effect.timeoutOrElse(all, {
        duration: patienceMillis,
        orElse: () =>
          fail(
            `the slow writer did not append three times in ${patienceMillis} ms while ${streamed} entries were streamed`
          )
      })
      const bodies = (yield* entriesOf(log, thread)).map((entry) => entry.body)
      yield* same("slow entries", bodies.filter((body) => body === "slow").length, 3)
      yield* same("all entries", bodies.length, 1 + 3 + streamed)
    })
  }
]
