/**
 * A process that appends to a thread of a Postgres log and prints `offset id` for each append that was acknowledged.
 * Arguments: connection, thread, name, how many (0: until it is killed).
 */
import { writeSync } from "node:fs"
import * as Effect from "effect/Effect"
import { postgresLog } from "../../../adapters/logs/postgres/log.ts"
import { following } from "../../../src/conformance/logCase.ts"
import { ThreadLog } from "../../../src/ports/ThreadLog.ts"

const [connection = "", thread = "", name = "", count = "0"] = process.argv.slice(2)

const program = Effect.gen(function* () {
  const log = yield* ThreadLog
  let head = yield* log.head(thread)
  for (let n = 0; count === "0" || n < Number(count);) {
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
await Effect.runPromise(Effect.provide(program, postgresLog({ connection })))
