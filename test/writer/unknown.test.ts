import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { faultyLog, type FaultyLogOptions, type LogFault } from "../../src/conformance/faultyLog.ts"
import type { Append, ThreadLogService } from "../../src/ports/ThreadLog.ts"
import type { OpenRun } from "../../src/thread/control.ts"
import {
  begin,
  cancelOf,
  delta,
  entriesOf,
  eventsOf,
  finished,
  makeWorld,
  pass,
  passUntil,
  postOf,
  processOn,
  textOf,
  textStart,
  THREAD
} from "./world.ts"

/** A world whose log has these faults, and what was sent to it. */
const faultyWorld = Effect.fnUntraced(function* (faults: FaultyLogOptions) {
  const requests: Append[] = []
  const world = yield* makeWorld({
    log: (log) => {
      const faulty = faultyLog(log, faults)
      const recorded: ThreadLogService = {
        ...faulty,
        append: (thread, append) => {
          requests.push(append)
          return faulty.append(thread, append)
        }
      }
      return recorded
    }
  })
  return { ...world, requests }
})
/** The third append, the run's first delta, meets the fault. */
const thirdAppend = (fault: LogFault): FaultyLogOptions => ({
  script: (operation, call) => (operation === "append" && call === 3 ? fault : undefined),
  lateMillis: 30
})

describe("an append whose outcome is unknown", () => {
  for (const fault of ["unknown-before", "unknown-after", "late", "duplicate", "unavailable"] as const) {
    it.effect(`${fault}: is resolved with no hole and no double, and nothing else is sent meanwhile`, () =>
      Effect.gen(function* () {
        const { requests, store, writer } = yield* faultyWorld(thirdAppend(fault))
        const line = yield* begin(writer, "r")
        const first = line.commit([textStart("r"), delta("r", "a")])
        const second = line.commit([delta("r", "b")])
        yield* pass(3_000, 5)
        const outcomes = yield* Effect.promise(() => Promise.all([first, second]))
        assert.isTrue(outcomes.every(({ ok }) => ok))
        line.offer([delta("r", "c")], 100)
        yield* pass(100)
        assert.strictEqual(textOf(store, "r"), "abc")
        assert.strictEqual(new Set(entriesOf(store).map(({ id }) => id)).size, entriesOf(store).length)
        // until it is settled the same entry is all that is sent
        const byOffset = new Map<number, Set<string>>()
        for (const { entry } of requests)
          byOffset.set(entry.offset, (byOffset.get(entry.offset) ?? new Set()).add(entry.body))
        for (const [offset, bodies] of byOffset) assert.strictEqual(bodies.size, 1, `offset ${offset}`)
      })
    )
  }
  it.effect("is not guessed: who asked is told only when it is known", () =>
    Effect.gen(function* () {
      let down = true
      const { store, writer } = yield* faultyWorld({
        script: (operation, call) =>
          operation === "append" && call === 1
            ? "unknown-after"
            : down && operation === "read"
              ? "unavailable"
              : undefined
      })
      const posted = yield* Effect.forkChild(writer.submit(postOf("m")))
      yield* pass(10_000, 100)
      assert.isUndefined(posted.pollUnsafe())
      down = false
      yield* pass(2_000, 50)
      const outcome = yield* Fiber.join(posted)
      assert.deepInclude(outcome, { ok: true, offset: 1 })
      assert.strictEqual(eventsOf(store).length, 1)
    })
  )
  it.effect("a head that grew since the lost answer does not make the writer say it twice, nor miss what came", () =>
    Effect.gen(function* () {
      let readDown = true
      let seen: OpenRun | undefined
      const { plain, recording, store, writer } = yield* faultyWorld({
        script: (operation, call) =>
          operation === "append" && call === 3
            ? "unknown-after"
            : readDown && operation === "read"
              ? "unavailable"
              : undefined
      })
      const line = yield* begin(writer, "r", { onControl: (run) => (seen = run) })
      const said = line.commit([textStart("r"), delta("r", "a")])
      yield* pass(100)
      const other = yield* processOn({ log: plain, gateway: recording.gateway })
      yield* other.get(THREAD).submit(cancelOf("r"))
      readDown = false
      yield* pass(2_000, 20)
      const outcome = yield* Effect.promise(() => said)
      assert.deepInclude(outcome, { ok: true, offset: 3 })
      assert.deepInclude(seen?.cancel, { interrupt: "cancel-r" })
      line.offer([finished("r")], 100)
      yield* pass(100)
      assert.strictEqual(textOf(store, "r"), "a")
      assert.strictEqual(eventsOf(store).filter(({ type }) => type === "run.finished").length, 1)
    })
  )
})

describe("a log that fails at random", () => {
  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
    it.effect(`seed ${seed}: what was said is in the log once, in order, and so is what was answered`, () =>
      Effect.gen(function* () {
        const rates = {
          "unknown-before": 0.1,
          "unknown-after": 0.1,
          late: 0.1,
          duplicate: 0.1,
          unavailable: 0.1,
          delay: 0.3
        }
        const { recording, store, writer, plain } = yield* faultyWorld({ rates, seed, lateMillis: 40 })
        const other = yield* processOn({
          log: faultyLog(plain, { rates, seed: seed + 100 }),
          gateway: recording.gateway
        })
        const begun = yield* Effect.forkChild(begin(writer, "r"))
        yield* passUntil(() => begun.pollUnsafe() !== undefined)
        const line = yield* Fiber.join(begun)
        line.offer([textStart("r")], 100)
        let said = ""
        const posts: Fiber.Fiber<{ readonly ok: boolean; readonly offset?: number }>[] = []
        for (let n = 0; n < 40; n++) {
          said += `${n} `
          line.offer([delta("r", `${n} `)], 100)
          if (n % 4 === 0) {
            posts.push(yield* Effect.forkChild(other.get(THREAD).submit(postOf(`m${n}`))))
            // the same id from the other process, as a client that got no answer would send it
            if (n % 8 === 0) posts.push(yield* Effect.forkChild(writer.submit(postOf(`m${n}`))))
          }
          yield* pass(30, 10)
        }
        yield* passUntil(() => textOf(store, "r") === said && posts.every((post) => post.pollUnsafe() !== undefined))
        yield* pass(200)
        assert.strictEqual(textOf(store, "r"), said)
        const posted = eventsOf(store).flatMap((event) => (event.type === "message.posted" ? [event.message] : []))
        assert.strictEqual(posted.length, 10)
        assert.strictEqual(new Set(posted).size, 10)
        for (const post of posts) {
          const outcome = yield* Fiber.join(post)
          assert.isTrue(outcome.ok)
          assert.isTrue(entriesOf(store)[outcome.offset! - 1]!.events.some(({ type }) => type === "message.posted"))
        }
      })
    )
  }
})
