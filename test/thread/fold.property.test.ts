import { describe, expect, it } from "vitest"
import type { Entry } from "../../src/protocol/Entry.ts"
import type { Event } from "../../src/protocol/Event.ts"
import type { View } from "../../src/protocol/View.ts"
import { createFold, emptyView } from "../../src/thread/fold.ts"
import { mergeDeltas } from "../../src/thread/merge.ts"
import { broken, entriesOf, forSeeds, makeAuthor, randomJson, validLog } from "./generate.ts"

const foldAll = (entries: readonly Entry[], from: View = emptyView): View => {
  const fold = createFold(from)
  for (const entry of entries) fold.apply(entry)
  return fold.view
}
const merged = (entries: readonly Entry[]): Entry[] =>
  entries.map((entry) => ({ ...entry, events: mergeDeltas(entry.events as readonly Event[]) }))

describe("folding random logs", () => {
  it("counts nothing as dropped when everything fits, and merging deltas changes nothing", () => {
    let mergedAway = 0
    forSeeds(600, (random) => {
      const entries = validLog(random, 120)
      const view = foldAll(entries)
      expect(view.dropped).toBe(0)
      const fewer = merged(entries)
      mergedAway += entries.flatMap((entry) => entry.events).length - fewer.flatMap((entry) => entry.events).length
      expect(foldAll(fewer)).toEqual(view)
    })
    expect(mergedAway).toBeGreaterThan(500)
  })

  it("goes on from a view that was saved as JSON at any point", () => {
    forSeeds(400, (random) => {
      const entries = validLog(random, 100)
      const cut = random.int(entries.length + 1)
      const saved = JSON.parse(JSON.stringify(foldAll(entries.slice(0, cut)))) as View
      expect(foldAll(entries.slice(cut), saved)).toEqual(foldAll(entries))
    })
  })

  it("never changes a view that it handed out, however often one is taken", () => {
    forSeeds(200, (random) => {
      const entries = validLog(random, 80)
      const fold = createFold()
      const handedOut: [View, string][] = []
      for (const entry of entries) {
        fold.apply(entry)
        if (random.chance(0.5)) handedOut.push([fold.view, JSON.stringify(fold.view)])
      }
      for (const [view, text] of handedOut) expect(JSON.stringify(view)).toBe(text)
      expect(fold.view).toEqual(foldAll(entries))
    })
  })

  it("neither throws nor forgets anything but the count on events of any shape, merged or not", () => {
    const before = Object.getOwnPropertyNames(Object.prototype)
    forSeeds(700, (random) => {
      const authors = ["run0", "run1"].map((run) => makeAuthor(random, run))
      const events: Event[] = []
      for (let at = 0; at < 60; at++) {
        const event: Event = random.chance(0.1)
          ? { type: "run.accepted", run: random.pick(["run0", "run1"]), agent: "writer" }
          : random.chance(0.05)
            ? { type: "content.erased", offsets: [[random.int(9), random.int(30)]] }
            : random.pick(authors).next()
        events.push(random.chance(0.3) ? broken(random, event) : event)
        if (random.chance(0.05)) events.push(randomJson(random) as unknown as Event)
        if (random.chance(0.05))
          events.push({ type: "state.delta", doc: "plan", patch: randomJson(random) } as unknown as Event)
      }
      const entries = entriesOf(random, events)
      const view = foldAll(entries)
      expect(foldAll(entries)).toEqual(view)
      const cut = random.int(entries.length + 1)
      expect(foldAll(entries.slice(cut), foldAll(entries.slice(0, cut)))).toEqual(view)
      const wellFormed = entries.map((entry) => ({
        ...entry,
        events: entry.events.filter((event) => typeof event === "object" && event !== null)
      }))
      // two deltas that do not fit are one when they are merged
      expect({ ...foldAll(merged(wellFormed)), dropped: 0 }).toEqual({ ...foldAll(wellFormed), dropped: 0 })
    })
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before)
  })
})
