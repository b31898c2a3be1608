import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import { LogError, RecordTooLarge } from "../../src/ports/LogError.ts"
import { runOf, type OpenRun } from "../../src/thread/control.ts"
import { decodeControl } from "../../src/thread/decide.ts"
import {
  begin,
  cancelOf,
  delta,
  entriesOf,
  eventsOf,
  finished,
  flush,
  groups,
  isHead,
  makeWorld,
  pass,
  passUntil,
  postOf,
  processOn,
  startOf,
  switched,
  textOf,
  textStart,
  THREAD
} from "./world.ts"

/** Two processes on one store, each behind a switch. */
const twoProcesses = Effect.fnUntraced(function* (options: { readonly subscribe?: boolean } = {}) {
  const world = yield* makeWorld(options)
  const here = switched(world.plain)
  const there = switched(world.plain)
  const mine = yield* processOn({ log: here.log, gateway: world.recording.gateway })
  const theirs = yield* processOn({ log: there.log, gateway: world.recording.gateway })
  return { ...world, here, there, mine: mine.get(THREAD), theirs: theirs.get(THREAD), mineAll: mine }
})
type Stream = { readonly done: () => boolean; readonly fiber: Fiber.Fiber<void> }
/** Says a delta every `period` milliseconds for `count` times. */
const streaming = (line: Effect.Success<ReturnType<typeof begin>>, run: string, count: number, period: number) =>
  Effect.gen(function* () {
    let left = count
    line.offer([textStart(run)], 100)
    const fiber = yield* Effect.forkChild(
      Effect.gen(function* () {
        while (left-- > 0) {
          line.offer([delta(run, "x")], 100)
          yield* Effect.sleep(period)
        }
      })
    )
    return { fiber, done: () => left < 0 } satisfies Stream
  })

describe("a log that was replaced", () => {
  it.effect("is no place for a run of the one before, though one of the same id and epoch runs there", () =>
    Effect.gen(function* () {
      const { mine, plain, store, theirs } = yield* twoProcesses()
      let seen: OpenRun | undefined | null = null
      const line = yield* begin(mine, "r", { onControl: (run) => (seen = run) })
      yield* flush
      yield* plain.drop(THREAD, "another")
      yield* begin(theirs, "r")
      const told = yield* Effect.forkChild(Effect.promise(() => line.commit([delta("r", "stray")])))
      yield* pass(1_000)
      assert.deepInclude(yield* Fiber.join(told), { ok: false })
      assert.isUndefined(seen)
      assert.deepStrictEqual(
        eventsOf(store).map(({ type }) => type),
        ["run.accepted", "run.started"]
      )
    })
  )
})

describe("a log that is replaced while a command about a run that ended is decided", () => {
  /** The run ended; then another process is asked about it, and the log is replaced at one of its calls. */
  const replacedAt = (call: "note" | "knock", conflicts: number) =>
    Effect.gen(function* () {
      const { plain, recording, store, writer } = yield* makeWorld()
      const line = yield* begin(writer, "r")
      yield* Effect.promise(() => line.commit([finished("r")]))
      let left = conflicts
      let replaced = false
      const replace = Effect.suspend(() => {
        if (replaced) return Effect.void
        replaced = true
        return plain.drop(THREAD, "another")
      })
      const others = yield* processOn({
        log: {
          ...plain,
          // notes are read meanwhile
          head: (...args) => Effect.andThen(Effect.sleep(50), plain.head(...args)),
          append: (...args) =>
            Effect.suspend(() =>
              left-- > 0
                ? Effect.andThen(writer.submit(postOf(`m${left}`)), plain.append(...args))
                : plain.append(...args)
            ),
          note: (thread, key) =>
            Effect.tap(plain.note(thread, key), () => (call === "note" && key === "run/r" ? replace : Effect.void)),
          knock: (...args) => Effect.andThen(call === "knock" ? replace : Effect.void, plain.knock(...args))
        },
        gateway: recording.gateway
      })
      const told = yield* Effect.forkChild(others.get(THREAD).submit(cancelOf("r", "c")))
      yield* pass(2_000)
      const outcome = yield* Fiber.join(told)
      assert.isTrue(replaced)
      assert.deepStrictEqual([outcome.ok, outcome.ok || outcome.fault.code, eventsOf(store)], [false, "NOT_FOUND", []])
    })
  it.effect("before its first read of the head, says that there is no such run", () => replacedAt("note", 0))
  it.effect("after it lost twice, says so, too", () => replacedAt("knock", 2))
})

describe("a command about a run that ended, in a process that knows nothing of the thread", () => {
  it.effect("is decided by what is recorded, however the answers of the store cross", () =>
    Effect.gen(function* () {
      const { plain, recording, writer } = yield* makeWorld()
      const line = yield* begin(writer, "r")
      yield* Effect.promise(() => line.commit([finished("r")]))
      const slow = ["run/r", "interrupt/c", "head"]
      for (const last of slow) {
        const after = (what: string) => Effect.sleep(what === last ? 60 : what === "head" ? 30 : 0)
        const others = yield* processOn({
          log: {
            ...plain,
            head: (...args) => Effect.andThen(after("head"), plain.head(...args)),
            note: (thread, key) => Effect.andThen(after(key.replace(/-.*/, "")), plain.note(thread, key))
          },
          gateway: recording.gateway
        })
        const told = yield* Effect.forkChild(others.get(THREAD).submit(cancelOf("r", `c-${last}`)))
        yield* pass(1_000)
        const outcome = yield* Fiber.join(told)
        assert.include(JSON.stringify(outcome), "RUN_TERMINAL", last)
      }
    })
  )
})

describe("a conflict", () => {
  it.effect("shows a worker the cancel that came in between, and what it had to say is appended after it", () =>
    Effect.gen(function* () {
      const { mine, store, theirs } = yield* twoProcesses()
      let seen: OpenRun | undefined
      const line = yield* begin(mine, "r", { onControl: (run) => (seen = run) })
      yield* theirs.submit(cancelOf("r"))
      line.offer([textStart("r"), delta("r", "a")], 100)
      yield* flush
      assert.deepInclude(seen?.cancel, { interrupt: "cancel-r" })
      assert.strictEqual(textOf(store, "r"), "a")
      const types = eventsOf(store).map(({ type }) => type)
      assert.isBelow(types.indexOf("interrupt.received"), types.indexOf("text.delta"))
    })
  )
  it.effect("decides anew: what a fenced epoch says is refused, and it is told", () =>
    Effect.gen(function* () {
      const { here, mine, store, theirs } = yield* twoProcesses()
      const refused: string[] = []
      let control: OpenRun | undefined | null = null
      yield* mine.submit(startOf("r", { policy: { onWorkerLost: "retry" } }))
      yield* mine.submit({ type: "take", run: "r", epoch: 1 })
      const line = mine.attach("r", 1, {
        onControl: (run) => (control = run),
        onRefused: ({ code }) => refused.push(code)
      })
      yield* flush
      here.freeze()
      line.offer([textStart("r"), delta("r", "zombie")], 100)
      yield* pass(31_000, 500)
      assert.isTrue((yield* theirs.submit({ type: "take", run: "r", epoch: 2 })).ok)
      here.thaw()
      yield* pass(500)
      assert.deepStrictEqual(refused, ["EPOCH_FENCED"])
      assert.isUndefined(control)
      const outcome = yield* Effect.promise(() => line.commit([finished("r")]))
      assert.strictEqual(outcome.ok ? "" : outcome.fault.code, "EPOCH_FENCED")
      assert.notInclude(JSON.stringify(eventsOf(store)), "zombie")
      assert.strictEqual(runOf(decodeControl(store.threads.get(THREAD)!.control), "r")?.epoch, 2)
    })
  )
  it.effect("with the same command from elsewhere gives both the same answer", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld()
      const theirs = (yield* processOn({ log: world.plain, gateway: world.recording.gateway })).get(THREAD)
      const start = startOf("r", { policy: { onBusy: "reject" } })
      let first = true
      const overtaken: typeof world.plain = {
        ...world.plain,
        append: (thread, append) =>
          Effect.suspend(() => {
            if (!first) return world.plain.append(thread, append)
            first = false
            return Effect.andThen(theirs.submit(start), world.plain.append(thread, append))
          })
      }
      const mine = (yield* processOn({ log: overtaken, gateway: world.recording.gateway })).get(THREAD)
      const outcome = yield* mine.submit(start)
      assert.deepInclude(outcome, { ok: true, offset: 1 })
      assert.strictEqual(world.store.threads.get(THREAD)!.entries.length, 1)
    })
  )
  it.effect("is not what a record is that the store has no room for: it alone is refused", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld({
        log: (log) => ({
          ...log,
          append: (thread, append) =>
            append.notes.some(({ key }) => key.startsWith("huge/"))
              ? Effect.fail(
                  new LogError({
                    operation: "append",
                    reason: new RecordTooLarge({ what: "a note", sizeBytes: 2, limitBytes: 1 })
                  })
                )
              : log.append(thread, append)
        })
      })
      const line = yield* begin(world.writer, "r")
      const huge = yield* Effect.promise(() => line.commit([textStart("r")], [{ key: "huge/r", value: 1 }]))
      assert.strictEqual(huge.ok ? "" : huge.fault.code, "TOO_LARGE")
      assert.isTrue((yield* Effect.promise(() => line.commit([textStart("r"), delta("r", "on")]))).ok)
      assert.strictEqual(textOf(world.store, "r"), "on")
    })
  )
  it.effect("over a note that exists is refused and does not go round for ever", () =>
    Effect.gen(function* () {
      const { store, writer } = yield* makeWorld()
      const line = yield* begin(writer, "r")
      const notes = [{ key: "step/r/tool:x#1", value: 1 }]
      assert.isTrue((yield* Effect.promise(() => line.commit([textStart("r")], notes))).ok)
      const again = line.commit([delta("r", "again")], notes)
      const next = line.commit([delta("r", "next")])
      yield* pass(1_000)
      const outcome = yield* Effect.promise(() => again)
      assert.strictEqual(outcome.ok ? "" : outcome.fault.code, "DUPLICATE_DIFFERENT")
      assert.isTrue((yield* Effect.promise(() => next)).ok)
      assert.strictEqual(textOf(store, "r"), "next")
    })
  )
  it.effect("between processes that post and stream at once loses and doubles nothing", () =>
    Effect.gen(function* () {
      const { here, mine, store, there, theirs } = yield* twoProcesses()
      const line = yield* begin(mine, "r")
      here.lag = 3
      there.lag = 5
      const stream = yield* streaming(line, "r", 100, 7)
      const posts = yield* Effect.forkChild(
        Effect.forEach(
          Array.from({ length: 10 }, (_, n) => n),
          (n) => theirs.submit(postOf(`m${n}`))
        )
      )
      yield* passUntil(() => stream.done() && posts.pollUnsafe() !== undefined, 20_000, 1)
      yield* pass(500)
      assert.strictEqual(textOf(store, "r"), "x".repeat(100))
      assert.strictEqual(eventsOf(store).filter(({ type }) => type === "message.posted").length, 10)
      assert.isTrue((yield* Fiber.join(posts)).every(({ ok }) => ok))
    })
  )
})

describe("starvation", () => {
  it.effect("who lost twice knocks, and who reads a foreign knock stands aside, at most 250 ms", () =>
    Effect.gen(function* () {
      const { mine, plain, store, here } = yield* twoProcesses()
      const line = yield* begin(mine, "r")
      line.offer([textStart("r")], 100)
      yield* flush
      const before = entriesOf(store).length
      // one who knocked and then died
      yield* plain.knock(THREAD, "somebody")
      line.offer([delta("r", "a")], 100)
      yield* pass(200)
      assert.strictEqual(entriesOf(store).length, before)
      assert.isBelow(here.calls.filter((call) => call === "append").length, 10)
      const waited = yield* passUntil(() => textOf(store, "r") === "a", 1_000)
      assert.isAtMost(200 + waited, 290)
      assert.isNull(store.threads.get(THREAD)!.knock)
    })
  )
  it.effect("one who comes from outside stands aside for a knock, too", () =>
    Effect.gen(function* () {
      const { mine, plain, store, theirs, there } = yield* twoProcesses()
      yield* mine.submit(postOf("first"))
      yield* plain.knock(THREAD, "somebody")
      const posted = yield* Effect.forkChild(theirs.submit(postOf("second")))
      yield* pass(200)
      assert.notInclude(there.calls, "append")
      assert.strictEqual(entriesOf(store).length, 1)
      yield* passUntil(() => posted.pollUnsafe() !== undefined, 100)
      assert.isTrue((yield* Fiber.join(posted)).ok)
    })
  )
  it.effect("an append that follows a knock goes on at once", () =>
    Effect.gen(function* () {
      const { mine, plain, store } = yield* twoProcesses()
      const line = yield* begin(mine, "r")
      yield* flush
      yield* plain.knock(THREAD, "somebody")
      line.offer([textStart("r"), delta("r", "a")], 100)
      yield* pass(100)
      assert.strictEqual(textOf(store, "r"), "")
      // whoever it was appends, which clears the knock
      const head = yield* plain.head(THREAD)
      const entry = {
        offset: head.offset + 1,
        id: "e",
        body: JSON.stringify({ offset: head.offset + 1, id: "e", prev: head.id, events: [] })
      }
      yield* plain.append(THREAD, {
        expected: head,
        logId: head.logId,
        entry,
        control: head.control,
        due: null,
        notes: []
      })
      const waited = yield* passUntil(() => textOf(store, "r") === "a", 1_000, 5)
      assert.isAtMost(waited, 40)
    })
  )
  for (const seed of [1, 2]) {
    it.effect(
      `three writers, lags of 2, 5 and 30 ms, two streaming: each appends within 1 s, and so does a cancel (${seed})`,
      () =>
        Effect.gen(function* () {
          const world = yield* makeWorld()
          const made = yield* Effect.forEach([2, 5, 30], (lag) => {
            const network = switched(world.plain)
            const writers = processOn({ log: network.log, gateway: world.recording.gateway })
            return Effect.map(writers, (all) => ({ writer: all.get(THREAD), network, lag }))
          })
          const lines = [yield* begin(made[0]!.writer, "r0"), yield* begin(made[1]!.writer, "r1")]
          for (const { lag, network } of made) network.lag = lag
          const streams = [
            yield* streaming(lines[0]!, "r0", 5_000, 2 + seed),
            yield* streaming(lines[1]!, "r1", 5_000, 5)
          ]
          const { entries } = world.store.threads.get(THREAD)!
          const lastAt = { r0: 0, r1: 0 }
          let looked = entries.length
          let time = 0
          let silence = 0
          const look = () => {
            for (; looked < entries.length; looked++) {
              for (const run of ["r0", "r1"] as const)
                if (entries[looked]!.body.includes(`"run":"${run}"`)) lastAt[run] = time
            }
            silence = Math.max(silence, time - lastAt.r0, time - lastAt.r1)
          }
          const waits: number[] = []
          for (let n = 0; n < 5; n++) {
            const command = n === 4 ? cancelOf("r0") : postOf(`m${n}`)
            const sent = yield* Effect.forkChild(made[2]!.writer.submit(command))
            for (const from = time; sent.pollUnsafe() === undefined; time += 5) {
              if (time - from > 5_000) return assert.fail(`${command.type} did not get through in 5 s`)
              yield* pass(5, 5)
              look()
            }
            assert.isTrue((yield* Fiber.join(sent)).ok)
            waits.push(time)
          }
          yield* Effect.forEach(streams, ({ fiber }) => Fiber.interrupt(fiber))
          const gaps = waits.map((at, index) => at - (waits[index - 1] ?? 0))
          assert.isAtMost(Math.max(...gaps), 1_000, `waits ${gaps}`)
          assert.isAtMost(silence, 1_000)
        }).pipe(Random.withSeed(`starvation ${seed}`))
    )
  }
})

describe("telling the worker of a run elsewhere", () => {
  it.effect("an append from outside sends a head frame to the inbox only while another process works on a run", () =>
    Effect.gen(function* () {
      const { mine, sent, theirs } = yield* twoProcesses({ subscribe: true })
      const inbox = () => sent.filter(({ group }) => group === groups.inbox(THREAD))
      yield* theirs.submit(postOf("before"))
      assert.strictEqual(inbox().length, 0)
      const line = yield* begin(mine, "r")
      yield* mine.submit(postOf("local"))
      assert.strictEqual(inbox().length, 0)
      yield* theirs.submit(cancelOf("r"))
      assert.strictEqual(inbox().length, 1)
      assert.isTrue(isHead(inbox()[0]!.frame))
      line.offer([finished("r")], 100)
      yield* flush
      yield* theirs.submit(postOf("after"))
      assert.strictEqual(inbox().length, 1)
    })
  )
  it.effect("a frame in the inbox shows the cancel at once, with no time passing", () =>
    Effect.gen(function* () {
      const { mine, mineAll, theirs } = yield* twoProcesses({ subscribe: true })
      let seen: OpenRun | undefined
      yield* mineAll.listen(THREAD)
      yield* begin(mine, "r", { onControl: (run) => (seen = run) })
      yield* flush
      yield* theirs.submit(cancelOf("r"))
      yield* flush
      assert.deepInclude(seen?.cancel, { interrupt: "cancel-r" })
    })
  )
  it.effect("after a reconnect the head is read, because frames may have been missed", () =>
    Effect.gen(function* () {
      const { here, mine, mineAll, recording } = yield* twoProcesses({ subscribe: true })
      yield* mineAll.listen(THREAD)
      yield* begin(mine, "r")
      yield* flush
      const before = here.calls.length
      recording.reset()
      yield* flush
      assert.deepStrictEqual(here.calls.slice(before), ["head"])
    })
  )
})
