/** Conformance of a log's reads and of what stands beside its entries: notes, control, due, snapshots, erasure. */
import * as Effect from "effect/Effect"
import { v7 } from "uuid"
import type { Json } from "../protocol/Json.ts"
import { appended, entriesOf, fail, following, grow, newThread, same, snapshotAt } from "./logCase.ts"
import type { LogCase } from "./logCase.ts"

const STRANGE = "é 漢 😀 \u0000 \u001f \u2028 \ud800 \udc00x / \\ # ? % ' \" %00 !0041 \u007f"

export const readCases: readonly LogCase[] = [
  {
    name: "a page keeps limit and maxBytes, and has at least one entry where there is one",
    run: Effect.fnUntraced(function* (log) {
      const thread = newThread()
      let head = yield* log.head(thread)
      for (const body of ["a".repeat(100), "é".repeat(100), "c".repeat(100), "d".repeat(900), "e"]) {
        head = yield* appended("append", yield* log.append(thread, following(head, { body })))
      }
      const offsets = (after: number, limit: number, maxBytes: number) =>
        Effect.map(log.read(thread, after, { limit, maxBytes }), (page) => page.entries.map((entry) => entry.offset))
      yield* same("limit 2", yield* offsets(0, 2, 1e6), [1, 2])
      yield* same("limit beyond the end", yield* offsets(3, 100, 1e6), [4, 5])
      yield* same("maxBytes of two entries", yield* offsets(0, 9, 300), [1, 2])
      yield* same("maxBytes counts UTF-8", yield* offsets(0, 9, 299), [1])
      yield* same("one larger than maxBytes", yield* offsets(3, 9, 10), [4])
      yield* same("at the head", yield* offsets(5, 9, 1e6), [])
      yield* same("beyond the head", yield* offsets(50, 9, 1e6), [])
      const page = yield* log.read(thread, 0, { limit: 1, maxBytes: 1e6 })
      yield* same("the page's head", [page.head.offset, page.head.id, page.head.tag], [5, head.id, head.tag])
    })
  },
  {
    name: "what was acknowledged is seen by every later read, from every instance",
    run: Effect.fnUntraced(function* (log, { second }) {
      const thread = newThread()
      for (let n = 1; n <= 20; n++) {
        const [writer, reader] = n % 2 === 0 ? [log, second] : [second, log]
        const note = { key: `step/r/${n}`, value: n }
        const head = yield* appended(
          "append",
          yield* writer.append(thread, following(yield* writer.head(thread), { control: { n }, notes: [note] }))
        )
        const seen = yield* reader.head(thread)
        yield* same("head", [seen.offset, seen.id, seen.control], [n, head.id, { n }])
        yield* same("entries", (yield* entriesOf(reader, thread)).length, n)
        yield* same("note", yield* reader.note(thread, note.key), n)
      }
    })
  },
  {
    name: "texts of every kind come back unchanged in bodies, ids, notes, control and knocks",
    run: Effect.fnUntraced(function* (log, { second }) {
      const thread = `main/${STRANGE}${v7()}`
      const value = { text: STRANGE, ["__proto__"]: 1, n: -0.5e-7 } as Json
      const append = following(yield* log.head(thread), {
        id: `id ${STRANGE}`,
        body: JSON.stringify(STRANGE) + STRANGE,
        control: value,
        notes: [{ key: `run/${STRANGE}`, value }]
      })
      const head = yield* appended("append", yield* log.append(thread, append))
      yield* same("entries", yield* entriesOf(second, thread), [append.entry])
      yield* same("note", yield* second.note(thread, `run/${STRANGE}`), value)
      yield* same("notes", yield* second.notes(thread, "run/"), append.notes)
      const seen = yield* second.head(thread)
      yield* same("head", [seen.id, seen.control], [head.id, value])
      yield* same("knock", (yield* second.knock(thread, STRANGE)).knock?.by, STRANGE)
      yield* appended("after it", yield* log.append(thread, following(yield* log.head(thread))))
    })
  },
  {
    name: "notes are found by key and by prefix, in key order, and no others",
    run: Effect.fnUntraced(function* (log) {
      const thread = newThread()
      const long = `step/r/${"k".repeat(500)}`
      const keys = [
        "step/r/2",
        "step/r/10",
        "step/r/1",
        "step/rr/1",
        "step/r",
        "run/x",
        "step/R/1",
        long,
        `${long}x`,
        "step/r/é"
      ]
      const notes = keys.map((key) => ({ key, value: { key } }))
      yield* appended("append", yield* log.append(thread, following(yield* log.head(thread), { notes })))
      const found = (prefix: string) => Effect.map(log.notes(thread, prefix), (list) => list.map((note) => note.key))
      yield* same("step/r/", yield* found("step/r/"), [
        "step/r/1",
        "step/r/10",
        "step/r/2",
        long,
        `${long}x`,
        "step/r/é"
      ])
      yield* same("long prefix", yield* found(long), [long, `${long}x`])
      yield* same("no such", yield* found("ask/"), [])
      yield* same("all", (yield* found("")).length, keys.length)
      for (const key of keys) yield* same(key, yield* log.note(thread, key), { key })
      yield* same("absent", (yield* log.note(thread, "step/r/3")) === undefined, true)
    })
  },
  {
    name: "control and due come back as they were given, with the same or another object",
    run: Effect.fnUntraced(function* (log, { second }) {
      const thread = newThread()
      const control = { v: 1, runs: [{ id: "r", due: 12.5, nested: [null, true, { a: "é" }] }] }
      let head = yield* appended(
        "first",
        yield* log.append(thread, following(yield* log.head(thread), { control, due: 1_000 }))
      )
      const steps = [
        { control: head.control, due: 1_000 },
        { control: { ...control }, due: 1_000 },
        { control: { v: 2 }, due: 2_000 },
        { control: { v: 2 }, due: null },
        { control: null, due: null },
        { control: { text: "x".repeat(15_000) }, due: 9e12 }
      ]
      for (const [n, step] of steps.entries()) {
        head = yield* appended(`step ${n}`, yield* log.append(thread, following(head, step)))
        const seen = yield* second.head(thread)
        yield* same(`step ${n}`, [seen.control, seen.due], [step.control, step.due])
        head = n % 2 === 0 ? seen : head
      }
    })
  },
  {
    name: "due names every thread in time, and none for long that has nothing due",
    run: Effect.fnUntraced(function* (log, { second }) {
      const base = (yield* log.head(newThread())).now
      const [early, late, never, moved] = [newThread(), newThread(), newThread(), newThread()]
      const set = (thread: string, due: number | null) =>
        Effect.flatMap(log.head(thread), (head) =>
          Effect.flatMap(log.append(thread, following(head, { due })), (result) => appended("append", result))
        )
      yield* set(early, base - 10_000)
      yield* set(late, base + 3_600_000)
      yield* set(never, null)
      yield* set(moved, base - 20_000)
      yield* set(moved, base + 3_600_000)
      yield* set(moved, base + 7_200_000)
      const names = (before: number) => second.due(before, 1_000)
      const now = yield* names(base)
      yield* same("past due is named", now.includes(early), true)
      yield* same(
        "not yet due is not named",
        [late, never, moved].filter((thread) => now.includes(thread)),
        []
      )
      const inAnHour = yield* names(base + 3_600_001)
      yield* same(
        "due in an hour",
        [early, late].filter((thread) => !inAnHour.includes(thread)),
        []
      )
      yield* same("moved is named when it is due", (yield* names(base + 7_200_001)).includes(moved), true)
      yield* set(moved, base + 60_000)
      yield* same("moved back is named earlier", (yield* names(base + 60_001)).includes(moved), true)
      yield* set(early, null)
      yield* same("done is not named", (yield* names(base)).includes(early), false)
      yield* same("limit", (yield* second.due(base + 8_000_000, 1)).length, 1)
    })
  },
  {
    name: "the snapshot with the highest offset of the current log is kept, whatever its size",
    run: Effect.fnUntraced(function* (log, { second }) {
      const thread = newThread()
      yield* same("none", (yield* log.snapshot(thread)) === undefined, true)
      const two = (yield* grow(log, thread, 2)).head
      const four = (yield* grow(log, thread, 2)).head
      yield* log.saveSnapshot(thread, snapshotAt(four, { text: STRANGE }))
      yield* second.saveSnapshot(thread, snapshotAt(two))
      yield* same("higher stays", yield* second.snapshot(thread), snapshotAt(four, { text: STRANGE }))
      yield* log.saveSnapshot(thread, { ...snapshotAt(four), logId: v7(), offset: 9 })
      yield* log.saveSnapshot(thread, { ...snapshotAt(four), offset: 9 })
      yield* same("another log's and a future one are ignored", (yield* log.snapshot(thread))?.offset, 4)
      const five = (yield* grow(log, thread, 1)).head
      const large = snapshotAt(five, { text: "漢x".repeat(600_000) })
      yield* log.saveSnapshot(thread, large)
      yield* same("2.4 MB", JSON.stringify(yield* second.snapshot(thread)) === JSON.stringify(large), true)
      yield* log.saveSnapshot(thread, snapshotAt(five, { rebuilt: true }))
      yield* same("rebuilt at the same offset", (yield* second.snapshot(thread))?.view, { rebuilt: true })
    })
  },
  {
    name: "erased entries keep offset and id, and lose body and notes",
    run: Effect.fnUntraced(function* (log, { second }) {
      const thread = newThread()
      const notes = [
        { key: "step/r/1", value: "secret" },
        { key: "step/r/2", value: "kept" }
      ]
      yield* appended("first", yield* log.append(thread, following(yield* log.head(thread), { notes, body: "1" })))
      const { head, entries } = yield* grow(log, thread, 4)
      yield* log.saveSnapshot(thread, snapshotAt(head))
      yield* log.erase(thread, {
        from: 2,
        to: 3,
        noteKeys: ["step/r/1", "step/none"],
        tombstone: (entry) => `gone ${entry.offset}`
      })
      const read = yield* entriesOf(second, thread)
      yield* same(
        "bodies",
        read.map((entry) => entry.body),
        ["1", "gone 2", "gone 3", entries[2]?.body, entries[3]?.body]
      )
      yield* same(
        "ids",
        read.slice(1).map((entry) => entry.id),
        entries.map((entry) => entry.id)
      )
      yield* same("notes", yield* second.notes(thread, "step/"), [notes[1]])
      yield* same("snapshot", yield* second.snapshot(thread), snapshotAt(head))
      yield* log.trim(thread, 3)
      yield* log.erase(thread, { from: 2, to: 4, noteKeys: [], tombstone: ({ offset }) => `gone ${offset}` })
      const { entries: kept } = yield* second.read(thread, 3, { limit: 9, maxBytes: 1e6 })
      const left = kept.map(({ body, offset }) => [offset, body])
      yield* same("after a trim", left, [
        [4, "gone 4"],
        [5, entries[3]?.body]
      ])
      yield* appended("append", yield* log.append(thread, following(yield* log.head(thread))))
    })
  },
  {
    name: "a dropped thread has nothing but a new log, and begins again at offset 1",
    run: Effect.fnUntraced(function* (log, { second }) {
      const thread = newThread()
      const old = following(yield* log.head(thread), { due: 5, control: { v: 1 }, notes: [{ key: "run/a", value: 1 }] })
      const head = yield* appended("first", yield* log.append(thread, old))
      yield* log.saveSnapshot(thread, snapshotAt(head))
      const logId = v7()
      yield* log.drop(thread, logId)
      const { tag, now: _, ...tombstone } = yield* second.head(thread)
      yield* same("head", tombstone, { logId, offset: 0, id: "", control: null, due: null, knock: null })
      if (tag === head.tag) yield* fail("drop: the tag did not change")
      yield* same("entries", yield* entriesOf(second, thread), [])
      yield* same("notes", yield* second.notes(thread, ""), [])
      yield* same("note", (yield* second.note(thread, "run/a")) === undefined, true)
      yield* same("snapshot", (yield* second.snapshot(thread)) === undefined, true)
      const again = following(yield* second.head(thread), { notes: [{ key: "run/a", value: 2 }] })
      yield* appended("append", yield* second.append(thread, again))
      yield* same("entries", yield* entriesOf(log, thread), [again.entry])
      yield* same("note", yield* log.note(thread, "run/a"), 2)
      yield* log.drop(thread, v7())
      yield* same("dropped again", yield* entriesOf(second, thread), [])
    })
  }
]
