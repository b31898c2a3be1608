/** What the processes that tests kill do: append to one thread, and print each entry once it is acknowledged. */
import { writeSync } from "node:fs"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { following } from "../../../src/conformance/logCase.ts"
import { ThreadLog } from "../../../src/ports/ThreadLog.ts"

/** `count` 0: for ever. */
export const writeAlone = <E>(log: Layer.Layer<ThreadLog, E>, thread: string, name: string, count: number) =>
  Effect.runPromise(Effect.provide(program(thread, name, count), log))

const program = Effect.fnUntraced(function* (thread: string, name: string, count: number) {
  const log = yield* ThreadLog
  let head = yield* log.head(thread)
  for (let n = 0; count === 0 || n < count;) {
    const append = following(head, {
      id: `${name}-${n}`,
      logId: "log",
      control: { n },
      notes: [{ key: `step/${name}/${n}`, value: n }]
    })
    const result = yield* log.append(thread, append)
    if (result._tag === "Appended") {
      writeSync(1, `${append.entry.offset} ${append.entry.id}\n`)
      n += 1
      head = result.head
    } else head = yield* log.head(thread)
  }
})
