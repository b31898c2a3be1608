import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Snapshot } from "../../src/ports/ThreadLog.ts"
import { readView, snapshotOf } from "../../src/writer/readView.ts"
import { makeWorld, postOf, THREAD } from "./world.ts"

/** A thread of three messages, its true view, and the view that is read where `saved` is the snapshot. */
const savedWorld = Effect.gen(function* () {
  const world = yield* makeWorld()
  for (const id of ["m1", "m2", "m3"]) yield* world.writer.submit(postOf(id))
  const { view } = yield* readView(world.plain, THREAD)
  const textsFrom = (...saved: readonly (Snapshot | undefined)[]) => {
    const left = [...saved]
    const log = { ...world.plain, snapshot: () => Effect.sync(() => left.shift()) }
    return Effect.map(readView(log, THREAD), (read) =>
      read.view.messages.map(({ parts: [part] }) => (part?.type === "text" ? part.text : undefined))
    )
  }
  return { snapshot: snapshotOf(JSON.parse(JSON.stringify(view))), textsFrom }
})
const TRUE = ["m1", "m2", "m3"]
const textsReplaced = ({ view }: Snapshot) => JSON.parse(JSON.stringify(view).replaceAll(`"text":"m1"`, `"text":"X"`))

describe("a saved view", () => {
  it.effect("is gone on from", () =>
    Effect.gen(function* () {
      const { snapshot, textsFrom } = yield* savedWorld
      assert.deepStrictEqual(yield* textsFrom(snapshot), TRUE)
      // one that claims another text, and has its own hash, is believed: so this is the one that was used
      const other = snapshotOf(textsReplaced(snapshot))
      assert.deepStrictEqual(yield* textsFrom(other), ["X", "m2", "m3"])
    })
  )
  it.effect("is made anew from the log when its hash does not fit, or another version folded it", () =>
    Effect.gen(function* () {
      const { snapshot, textsFrom } = yield* savedWorld
      const view = textsReplaced(snapshot)
      assert.deepStrictEqual(yield* textsFrom({ ...snapshot, view }), TRUE)
      assert.deepStrictEqual(yield* textsFrom({ ...snapshotOf(view), foldVersion: snapshot.foldVersion + 1 }), TRUE)
    })
  )
  it.effect("of another log is never continued: the log is read again from its newest snapshot", () =>
    Effect.gen(function* () {
      const { snapshot, textsFrom } = yield* savedWorld
      const other = snapshotOf({ ...textsReplaced(snapshot), logId: "another" })
      assert.deepStrictEqual(yield* textsFrom(other, undefined), TRUE)
    })
  )
})

describe("the view of an empty log", () => {
  it.effect("names the log, so that a late frame of the one before is foreign to its reader", () =>
    Effect.gen(function* () {
      const { plain, writer } = yield* makeWorld()
      yield* writer.submit(postOf("m1"))
      yield* plain.drop(THREAD, "another")
      const { view } = yield* readView(plain, THREAD)
      assert.deepInclude(view, { logId: "another", offset: 0, id: "", messages: [] })
    })
  )
})
