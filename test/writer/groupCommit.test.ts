import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { LogError, RecordTooLarge } from "../../src/ports/LogError.ts"
import { MAX_ENTRY_BYTES } from "../../src/protocol/Limits.ts"
import {
  begin,
  delta,
  entriesOf,
  eventsOf,
  flush,
  makeWorld,
  pass,
  passUntil,
  postOf,
  startOf,
  switched,
  textOf,
  textStart
} from "./world.ts"
import type { Switch } from "./world.ts"

/** A world whose log takes `lag` milliseconds one way. */
const slowWorld = Effect.fnUntraced(function* (lag: number) {
  let slow: Switch | undefined
  const world = yield* makeWorld({ log: (log) => (slow = switched(log)).log })
  const line = yield* begin(world.writer, "r")
  slow!.lag = lag
  return { ...world, line, slow: slow! }
})

describe("group commit", () => {
  it.effect("what is said while an append is in flight goes into the next entry, its deltas merged", () =>
    Effect.gen(function* () {
      const { line, slow, store } = yield* slowWorld(10)
      const before = entriesOf(store).length
      line.offer([textStart("r"), delta("r", "a")], 200)
      yield* flush
      for (const text of ["b", "c", "d"]) line.offer([delta("r", text)], 100)
      yield* pass(100)
      slow.lag = 0
      const entries = entriesOf(store).slice(before)
      assert.deepStrictEqual(
        entries.map(({ events }) => events.map((event) => ("text" in event ? event.text : event.type))),
        [["text.started", "a"], ["bcd"]]
      )
    })
  )
  it.effect("a delta's next pieces join it until it is taken, and begin another one then", () =>
    Effect.gen(function* () {
      const { line, slow, store } = yield* slowWorld(10)
      const before = entriesOf(store).length
      line.offer([textStart("r")], 100)
      for (const text of ["a", "b"]) line.offerDelta("text.delta", "r:p", text)
      yield* flush
      for (const text of ["c", "d"]) line.offerDelta("text.delta", "r:p", text)
      yield* pass(100)
      slow.lag = 0
      assert.deepStrictEqual(
        entriesOf(store)
          .slice(before)
          .map(({ events }) => events.map((event) => ("text" in event ? event.text : event.type))),
        [["text.started", "ab"], ["cd"]]
      )
    })
  )
  it.effect("what is said in one turn of the event loop is one entry", () =>
    Effect.gen(function* () {
      const { store, writer } = yield* makeWorld()
      const line = yield* begin(writer, "r")
      const before = entriesOf(store).length
      line.offer([textStart("r"), delta("r", "a")], 200)
      line.offer([delta("r", "b")], 100)
      yield* flush
      assert.strictEqual(entriesOf(store).length, before + 1)
      assert.strictEqual(textOf(store, "r"), "ab")
    })
  )
  it.effect("the first delta is appended and published at once, with no time passing", () =>
    Effect.gen(function* () {
      const { sent, writer } = yield* makeWorld()
      const line = yield* begin(writer, "r")
      const before = sent.length
      line.offer([textStart("r"), delta("r", "now")], 200)
      yield* flush
      assert.strictEqual(sent.length, before + 1)
      assert.include(sent.at(-1)!.frame, '"text":"now"')
    })
  )
  it.effect("offers and commits of one run keep their order; two runs share entries", () =>
    Effect.gen(function* () {
      const { line, slow, store, writer } = yield* slowWorld(5)
      const started = yield* Effect.forkChild(begin(writer, "s"))
      yield* pass(200)
      const other = yield* Fiber.join(started)
      const before = entriesOf(store).length
      let said = ""
      const commits: Promise<unknown>[] = []
      line.offer([textStart("r")], 100)
      other.offer([textStart("s")], 100)
      for (let n = 0; n < 200; n++) {
        const text = `${n},`
        said += text
        if (n % 7 === 0) commits.push(line.commit([delta("r", text)]))
        else line.offer([delta("r", text)], 100)
        other.offer([delta("s", text)], 100)
        if (n % 20 === 0) yield* pass(3, 1)
      }
      yield* pass(500)
      yield* Effect.promise(() => Promise.all(commits))
      slow.lag = 0
      assert.strictEqual(textOf(store, "r"), said)
      assert.strictEqual(textOf(store, "s"), said)
      assert.isBelow(entriesOf(store).length - before, 40)
    })
  )
  it.effect("a commit resolves only when its entry is in the log", () =>
    Effect.gen(function* () {
      const { line, slow, store } = yield* slowWorld(10)
      let told: unknown
      void line
        .commit([textStart("r"), delta("r", "kept")], [{ key: "step/r/1", value: 1 }])
        .then((outcome) => (told = outcome))
      yield* pass(15, 5)
      assert.isUndefined(told)
      yield* pass(20, 5)
      slow.lag = 0
      assert.include(told as unknown as object, { ok: true, offset: entriesOf(store).length })
      assert.strictEqual(store.threads.get("main/t1")!.notes.get("step/r/1"), 1)
    })
  )
  it.effect("what is large each by itself does not fail for being said at the same time", () =>
    Effect.gen(function* () {
      const { line, store, writer } = yield* slowWorld(5)
      const refused: unknown[] = []
      const value = "x".repeat(100_000)
      const said = [1, 2, 3, 4, 5, 6].map((n) => line.commit([{ type: "custom", run: "r", name: `big ${n}`, value }]))
      const started = [1, 2, 3, 4, 5, 6].map((n) =>
        writer.submit({ ...startOf(`s${n}`), start: { id: `s${n}`, agent: "writer", input: value.slice(0, 60_000) } })
      )
      const answers = yield* Effect.forkChild(Effect.all(started, { concurrency: "unbounded" }))
      yield* pass(500)
      for (const outcome of [...(yield* Effect.promise(() => Promise.all(said))), ...(yield* Fiber.join(answers))]) {
        if (!outcome.ok) refused.push(outcome.fault)
      }
      assert.deepStrictEqual(refused, [])
      for (const { body } of store.threads.get("main/t1")!.entries)
        assert.isAtMost(Buffer.byteLength(body), MAX_ENTRY_BYTES)
    })
  )
  it.effect("one command that fits no entry is refused, and what stands around it is appended", () =>
    Effect.gen(function* () {
      const { store, writer } = yield* makeWorld()
      const line = yield* begin(writer, "r")
      const huge = line.commit([{ type: "custom", run: "r", name: "huge", value: "x".repeat(300_000) }])
      const small = line.commit([{ type: "custom", run: "r", name: "small", value: 1 }])
      const outcome = yield* Effect.promise(() => huge)
      assert.deepInclude(outcome.ok ? {} : outcome.fault, { code: "TOO_LARGE", limit: MAX_ENTRY_BYTES })
      assert.isTrue((yield* Effect.promise(() => small)).ok)
      assert.include(JSON.stringify(eventsOf(store)), '"small"')
    })
  )
  it.effect("an id that comes twice in one batch gets one event and one answer; another body is refused", () =>
    Effect.gen(function* () {
      const { store, writer } = yield* makeWorld()
      const [first, again, other] = yield* Effect.all(
        [writer.submit(postOf("m")), writer.submit(postOf("m")), writer.submit(postOf("m", "else"))],
        {
          concurrency: "unbounded"
        }
      )
      assert.isTrue(first.ok)
      assert.deepStrictEqual(again, first)
      assert.strictEqual(other.ok ? "" : other.fault.code, "DUPLICATE_DIFFERENT")
      const later = yield* writer.submit(postOf("m"))
      assert.deepStrictEqual(later, first)
      assert.strictEqual(eventsOf(store).length, 1)
    })
  )
})

describe("a log that takes 98 notes at once", () => {
  const bounded = Effect.gen(function* () {
    const written: number[] = []
    const world = yield* makeWorld({
      log: (log) => ({
        ...log,
        append: (thread, request) => {
          const { length } = request.notes
          if (length > 98) {
            const reason = new RecordTooLarge({ what: "the notes", sizeBytes: length, limitBytes: 98 })
            return Effect.fail(new LogError({ operation: "append", reason }))
          }
          written.push(length)
          return log.append(thread, request)
        }
      })
    })
    return { ...world, written }
  })
  it.effect("takes all that people begin at once, in as few entries as hold their notes", () =>
    Effect.gen(function* () {
      const { store, writer, written } = yield* bounded
      const starts = Array.from({ length: 30 }, (_, n) => {
        const start = startOf(`r${n}`)
        return { ...start, start: { ...start.start, message: postOf(`m${n}`).message } }
      })
      const posts = Array.from({ length: 60 }, (_, n) => postOf(`p${n}`))
      const outcomes = yield* Effect.forEach([...starts, ...posts], writer.submit, { concurrency: "unbounded" })
      assert.isTrue(outcomes.every(({ ok }) => ok))
      assert.strictEqual(eventsOf(store).length, 30 * 2 + 60)
      assert.deepStrictEqual(written, [90, 30])
    })
  )
  it.effect("takes a result of many notes, whatever was said right before it", () =>
    Effect.gen(function* () {
      const { writer, written } = yield* bounded
      const line = yield* begin(writer, "r")
      written.length = 0
      const posts = Array.from({ length: 8 }, (_, n) => writer.submit(postOf(`p${n}`)))
      const notes = Array.from({ length: 91 }, (_, n) => ({ key: `chunk/r/${n}`, value: n }))
      const said = yield* Effect.forkChild(Effect.all(posts, { concurrency: "unbounded" }))
      yield* Effect.yieldNow
      const committed = yield* Effect.promise(() => line.commit([textStart("r")], notes))
      const outcomes = yield* Fiber.join(said)
      assert.deepStrictEqual(
        [committed, ...outcomes].map(({ ok }) => ok),
        Array.from({ length: 9 }, () => true)
      )
      assert.deepStrictEqual(written, [8, 91])
    })
  )
})

describe("redaction", () => {
  it.effect("runs once per event, before the append, so that neither log nor frame holds what it removes", () =>
    Effect.gen(function* () {
      const seen: string[] = []
      const { sent, store, writer } = yield* makeWorld({
        redact: (event) => {
          seen.push(event.type)
          return "text" in event ? { ...event, text: event.text.replaceAll("secret", "***") } : event
        }
      })
      const line = yield* begin(writer, "r")
      line.offer([textStart("r"), delta("r", "a secret")], 200)
      yield* flush
      assert.deepStrictEqual(seen, ["run.accepted", "run.started", "text.started", "text.delta"])
      assert.strictEqual(textOf(store, "r"), "a ***")
      for (const { frame } of sent) assert.notInclude(frame, "secret")
    })
  )
})

describe("back-pressure", () => {
  it.effect("a full writer says so, `drained` resolves when there is room again, and nothing is lost", () =>
    Effect.gen(function* () {
      const { line, slow, store } = yield* slowWorld(10)
      let most = 0
      let pending = 0
      let said = 0
      const text = "x".repeat(4_000)
      const agent = (async () => {
        line.offer([textStart("r")], 100)
        for (let n = 0; n < 300; n++) {
          line.offer([delta("r", text)], text.length)
          said += text.length
          pending = said - textOf(store, "r").length
          most = Math.max(most, pending)
          if (line.full()) await line.drained()
        }
        return true
      })()
      yield* passUntil(() => said === 300 * text.length)
      yield* pass(500)
      slow.lag = 0
      assert.isTrue(yield* Effect.promise(() => agent))
      assert.strictEqual(textOf(store, "r").length, said)
      // pending and what is in flight together stay within a few entries
      assert.isBelow(most, 256 * 1024 + 2 * text.length)
      assert.isAbove(most, 128 * 1024)
    })
  )
})
