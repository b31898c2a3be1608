/** Conformance of a log's one write: what may be appended, what must conflict, and what answers mean. */
import * as Effect from "effect/Effect"
import { v7 } from "uuid"
import { faultyLog } from "./faultyLog.ts"
import { appended, conflicts, entriesOf, failsWith, following, grow, newThread, same, snapshotAt } from "./logCase.ts"
import type { LogCase } from "./logCase.ts"

export const appendCases: readonly LogCase[] = [
  {
    name: "a thread that never existed has an empty head",
    run: Effect.fnUntraced(function* (log) {
      const { now, tag, ...head } = yield* log.head(newThread())
      yield* same("head", head, { logId: "", offset: 0, id: "", control: null, due: null, knock: null })
      yield* same("tag and now are given", [typeof tag, now > 0], ["string", true])
    })
  },
  {
    name: "entries are dense, in order and come back byte for byte",
    run: Effect.fnUntraced(function* (log) {
      const thread = newThread()
      const { entries, head } = yield* grow(log, thread, 12)
      yield* same("entries", yield* entriesOf(log, thread), entries)
      yield* same(
        "offsets",
        entries.map((entry) => entry.offset),
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
      )
      yield* same("head", [head.offset, head.id], [12, entries[11]?.id])
    })
  },
  {
    name: "the head that an append answers is the head that is read, and the next append may expect either",
    run: Effect.fnUntraced(function* (log) {
      const thread = newThread()
      const { head } = yield* grow(log, thread, 1)
      const { now: _, ...read } = yield* log.head(thread)
      const { now: __, ...answered } = head
      yield* same("head", read, answered)
      yield* appended("after the answered head", yield* log.append(thread, following(head)))
      yield* appended("after the read head", yield* log.append(thread, following(yield* log.head(thread))))
    })
  },
  {
    name: "the compare is on the whole head: log, offset, id and tag",
    run: Effect.fnUntraced(function* (log) {
      const thread = newThread()
      const first = (yield* grow(log, thread, 1)).head
      const { head } = yield* grow(log, thread, 1)
      const others = [
        { ...head, tag: first.tag },
        { ...head, tag: "" },
        { ...head, id: v7() },
        { ...head, logId: v7() },
        { ...head, offset: 7 },
        { ...head, offset: 1, id: first.id }
      ]
      for (const other of others) {
        yield* conflicts(`expected ${JSON.stringify(other)}`, yield* log.append(thread, following(other)))
      }
      yield* same("offset", (yield* log.head(thread)).offset, 2)
      yield* appended("the true head", yield* log.append(thread, following(head)))
    })
  },
  {
    name: "of writers that expect the same head exactly one appends",
    run: Effect.fnUntraced(function* (log, { second }) {
      const thread = newThread()
      for (let round = 0; round < 5; round++) {
        const head = yield* log.head(thread)
        const results = yield* Effect.all(
          [0, 1, 2, 3, 4, 5].map((n) => (n % 2 === 0 ? log : second).append(thread, following(head))),
          { concurrency: "unbounded" }
        )
        yield* same("results", results.map((result) => result._tag).sort(), [
          "Appended",
          "Conflict",
          "Conflict",
          "Conflict",
          "Conflict",
          "Conflict"
        ])
      }
      yield* same("entries", (yield* entriesOf(log, thread)).length, 5)
    })
  },
  {
    name: "a zombie at a trimmed offset conflicts",
    run: Effect.fnUntraced(function* (log, { second }) {
      const thread = newThread()
      const zombie = (yield* grow(log, thread, 3)).head
      const { head } = yield* grow(second, thread, 5)
      yield* second.saveSnapshot(thread, snapshotAt(head))
      yield* same("trimmed to", yield* second.trim(thread, 8), 8)
      yield* conflicts("zombie", yield* log.append(thread, following(zombie)))
      yield* same("offset", (yield* log.head(thread)).offset, 8)
    })
  },
  {
    name: "a zombie conflicts after the thread was dropped and written again up to its offset",
    run: Effect.fnUntraced(function* (log, { second }) {
      const thread = newThread()
      const before = yield* log.head(thread)
      const zombie = (yield* grow(log, thread, 2)).head
      yield* second.drop(thread, v7())
      yield* conflicts("zombie after the drop", yield* log.append(thread, following(zombie)))
      yield* conflicts("first append again", yield* log.append(thread, following(before)))
      yield* grow(second, thread, 2)
      yield* conflicts("zombie after the rewrite", yield* log.append(thread, following(zombie)))
    })
  },
  {
    name: "a response lost after the commit is found by reading",
    run: Effect.fnUntraced(function* (log) {
      const thread = newThread()
      const lossy = faultyLog(log, {
        script: (operation, call) => (operation === "append" && call === 2 ? "unknown-after" : undefined)
      })
      const { head } = yield* grow(lossy, thread, 1)
      const lost = following(head)
      yield* same("answer", (yield* lossy.append(thread, lost))._tag, "Unknown")
      yield* same("entry after it", yield* entriesOf(lossy, thread, 1), [lost.entry])
      yield* conflicts("the same append again", yield* lossy.append(thread, lost))
      yield* same("entries", (yield* entriesOf(lossy, thread)).length, 2)
    })
  },
  {
    name: "a request that is delivered again later conflicts, also for the first entry",
    run: Effect.fnUntraced(function* (log, { second }) {
      const thread = newThread()
      const first = following(yield* log.head(thread), { control: { n: 1 }, notes: [] })
      const head = yield* appended("first", yield* log.append(thread, first))
      yield* conflicts("first again, at once", yield* log.append(thread, first))
      const next = following(head)
      yield* appended("second", yield* log.append(thread, next))
      yield* grow(log, thread, 2)
      yield* conflicts("first again, later", yield* second.append(thread, first))
      yield* conflicts("second again, later", yield* second.append(thread, next))
      yield* same("entries", (yield* entriesOf(log, thread)).length, 4)
    })
  },
  {
    name: "a note whose key exists refuses the whole append",
    run: Effect.fnUntraced(function* (log) {
      const thread = newThread()
      const head = yield* appended(
        "first",
        yield* log.append(thread, following(yield* log.head(thread), { notes: [{ key: "run/a", value: { n: 1 } }] }))
      )
      const refused = following(head, {
        control: { changed: true },
        due: 5,
        notes: [
          { key: "run/b", value: 2 },
          { key: "run/a", value: 3 },
          { key: "run/c", value: 4 }
        ]
      })
      yield* conflicts("append", yield* log.append(thread, refused))
      const { now: _, ...after } = yield* log.head(thread)
      const { now: __, ...was } = head
      yield* same("head", after, was)
      yield* same("entries", (yield* entriesOf(log, thread)).length, 1)
      yield* same("notes", yield* log.notes(thread, ""), [{ key: "run/a", value: { n: 1 } }])
      yield* appended("without the note", yield* log.append(thread, following(head)))
    })
  },
  {
    name: "an append with many notes and the largest entry is one step",
    run: Effect.fnUntraced(function* (log) {
      const thread = newThread()
      const body = JSON.stringify({ text: "äb".repeat(87_000) })
      const notes = Array.from({ length: 40 }, (_, n) => ({ key: `step/r/${n}`, value: "x".repeat(1_000) }))
      yield* appended("append", yield* log.append(thread, following(yield* log.head(thread), { body, notes })))
      const [entry] = yield* entriesOf(log, thread)
      yield* same("body is unchanged", entry?.body === body, true)
      yield* same("notes", (yield* log.notes(thread, "step/")).length, 40)
    })
  },
  {
    name: "threads of one tenant and of several are apart, whatever their names",
    run: Effect.fnUntraced(function* (log) {
      const name = v7()
      const threads = [
        `a/${name}`,
        `b/${name}`,
        `a/${name}/x`,
        `a/${name}%2Fx`,
        `a/${name}\\x`,
        `a/${name}#?`,
        `A/${name}`,
        `a/${name} `,
        `a/${name}é`,
        `a/${name}e\u0301`,
        `a/${name}\ud800`,
        `a/${name}\ud801`,
        `a/${name}${"n".repeat(100)}`
      ]
      for (const [n, thread] of threads.entries()) {
        const first = following(yield* log.head(thread), { body: String(n), notes: [{ key: "run/1", value: n }] })
        yield* appended(`append to ${thread}`, yield* log.append(thread, first))
      }
      for (const [n, thread] of threads.entries()) {
        yield* same(
          thread,
          (yield* entriesOf(log, thread)).map((entry) => entry.body),
          [String(n)]
        )
        yield* same(`note of ${thread}`, yield* log.note(thread, "run/1"), n)
      }
    })
  },
  {
    name: "an offset that does not follow the expected head is a defect, never written",
    run: Effect.fnUntraced(function* (log) {
      const thread = newThread()
      const { head } = yield* grow(log, thread, 1)
      const right = following(head)
      const wrong = { ...right, entry: { ...right.entry, offset: 5 } }
      const exit = yield* Effect.exit(log.append(thread, wrong))
      yield* same("exit", exit._tag, "Failure")
      yield* same("offset", (yield* log.head(thread)).offset, 1)
    })
  },
  {
    name: "what was trimmed expires, and nothing uncovered is trimmed",
    run: Effect.fnUntraced(function* (log, { second }) {
      const thread = newThread()
      const five = (yield* grow(log, thread, 5)).head
      yield* same("without a snapshot", yield* log.trim(thread, 5), 0)
      yield* log.saveSnapshot(thread, snapshotAt(five))
      const { entries } = yield* grow(log, thread, 5)
      yield* same("beyond the snapshot", yield* log.trim(thread, 9), 5)
      yield* same("again, lower", yield* log.trim(thread, 2), 5)
      for (const reader of [log, second]) {
        const reason = yield* failsWith(
          "read from 0",
          reader.read(thread, 0, { limit: 3, maxBytes: 1e6 }),
          "OffsetExpired"
        )
        yield* same("first offset", "firstOffset" in reason ? reason.firstOffset : 0, 6)
        yield* failsWith("read from 4", reader.read(thread, 4, { limit: 3, maxBytes: 1e6 }), "OffsetExpired")
        yield* same("rest", yield* entriesOf(reader, thread, 5), entries)
      }
      yield* appended("append", yield* log.append(thread, following(yield* log.head(thread))))
    })
  }
]
