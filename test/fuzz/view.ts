/** Folding, ordering and patching: whatever passed the guard, or the browser's lighter check, in any order. */
import { strict as assert } from "node:assert"
import type { Entry, Frame } from "../../src/protocol/Entry.ts"
import type { Event, PatchOperation } from "../../src/protocol/Event.ts"
import type { Json } from "../../src/protocol/Json.ts"
import type { View } from "../../src/protocol/View.ts"
import { checkEvent } from "../../src/protocol/guard.ts"
import { createFold, emptyView } from "../../src/thread/fold.ts"
import { createOrder, type CheckedPage } from "../../src/thread/order.ts"
import { applyPatch } from "../../src/thread/patch.ts"
import { AT, entriesOf, makeAuthor, randomJson, type Random } from "../thread/generate.ts"
import { damaged, goldenEvents } from "./generate.ts"
import { target } from "./harness.ts"
import { patchByTheBook } from "./patchByTheBook.ts"

const POOL = ["r1", "r2", "m1", "m2", "p1", "c1", "s1", "a1"]
const ID_FIELDS = new Set(["run", "message", "part", "call", "step", "ask", "doc", "after", "replaces", "id", "parent"])
/** The event with its ids out of a few, so that events of one sequence concern each other. */
const among = (random: Random, event: object): Event =>
  Object.fromEntries(
    Object.entries(event).map(([key, value]) => [
      key,
      ID_FIELDS.has(key) && typeof value === "string" ? random.pick(POOL) : (value as unknown)
    ])
  ) as unknown as Event
const anyEvent = (random: Random): Event => {
  const authored = random.chance(0.3)
  const event = authored
    ? makeAuthor(random, random.pick(["r1", "r2"])).next()
    : among(random, random.pick(goldenEvents))
  return random.chance(0.3) ? (damaged(random, event) as Event) : event
}
const fold = (entries: readonly Entry[], from: View = emptyView): View => {
  const folding = createFold(from)
  for (const entry of entries) folding.apply(entry)
  return folding.view
}
/** Bytes that a view may take for each byte of its log: every part shows its event once, with names around it. */
const GROWTH = 6
const checkFold = (entries: readonly Entry[]): void => {
  const whole = JSON.stringify(fold(entries))
  assert.equal(JSON.stringify(fold(entries)), whole, "the same log folds to another view")
  for (const cut of [1, Math.floor(entries.length / 2)]) {
    const saved = JSON.parse(JSON.stringify(fold(entries.slice(0, cut)))) as View
    assert.equal(
      JSON.stringify(fold(entries.slice(cut), saved)),
      whole,
      `snapshot at ${cut} and tail differ from the whole`
    )
  }
  const bytes = JSON.stringify(entries).length
  assert.ok(whole.length <= 1_000 + GROWTH * bytes, `${bytes} bytes of log make a view of ${whole.length}`)
  assert.equal(({} as { admin?: unknown }).admin, undefined)
}
const events = (random: Random, accept: (event: Event) => boolean) =>
  entriesOf(random, Array.from({ length: 1 + random.int(24) }, () => anyEvent(random)).filter(accept))

interface Schedule {
  readonly frames: readonly (Frame | "fetch" | "lose" | "fail")[]
  readonly log: readonly Entry[]
}
const entryAt = (offset: number, history: number): Entry => ({
  v: 1,
  logId: history === 2 ? "other" : "log",
  thread: "t",
  offset,
  id: `e${offset}-${history}`,
  prev: offset === 1 ? "" : `e${offset - 1}-${history}`,
  at: AT,
  events: []
})
/** Frames of a log, of one that shares its name and not its entries, and of another; heads far ahead; answers. */
const schedule = (random: Random): Schedule => ({
  log: Array.from({ length: 6 + random.int(20) }, (_, at) => entryAt(at + 1, 0)),
  frames: Array.from({ length: 5 + random.int(60) }, () => {
    const kind = random.int(12)
    if (kind === 0) return random.pick(["fetch", "lose", "fail"] as const)
    const offset = kind === 1 ? random.pick([2 ** 53 - 1, 10 ** 9, 300, 257]) : 1 + random.int(26)
    const entry = entryAt(offset, kind < 4 ? 1 + random.int(2) : 0)
    if (kind !== 5) return entry
    const { v, logId, thread, id } = entry
    return { v, logId, thread, offset, id }
  })
})
const checkOrder = ({ frames, log }: Schedule): void => {
  let now = 0
  let last: Pick<Entry, "offset" | "id" | "logId"> | undefined
  const order = createOrder({
    random: () => 0.5,
    apply: (entry) => {
      assert.ok(last !== undefined, "something is applied before a view was taken")
      assert.equal(entry.offset, last.offset + 1)
      assert.equal(entry.prev, last.id)
      assert.ok(last.logId === "" || entry.logId === last.logId, "two histories are merged")
      last = entry
    }
  })
  const page = (after: number, limit = Infinity): CheckedPage => {
    const entries = log.slice(after, after + limit)
    const head = log.at(-1)!
    return {
      logId: "log",
      head: { offset: head.offset, id: head.id },
      entries,
      more: after + entries.length < head.offset
    }
  }
  const answer = (fails = false): void => {
    const plan = order.begin(now)
    if (fails) return order.failed(now)
    if (plan.type === "view") {
      last = log[Math.floor(log.length / 2)]!
      return order.reset(last, now)
    }
    assert.equal(plan.after, last?.offset, "it asks from where it is")
    assert.ok(plan.limit === undefined || (plan.limit > 0 && plan.limit <= 1_000), "a bounded page")
    // beyond the head is refused as OFFSET_AHEAD: what was published was no longer in the log
    if (plan.after > log.length || order.fetched(page(plan.after, plan.limit), now) === "changed") {
      last = undefined
      order.lost(now)
    }
  }
  for (const frame of frames) {
    now += 40
    if (frame === "fetch" || frame === "fail") answer(frame === "fail")
    else if (frame === "lose") {
      last = undefined
      order.lost(now)
    } else order.receive(frame, 100, now)
    assert.ok(!Number.isNaN(order.due(true)))
    assert.equal(order.position()?.offset, last?.offset)
  }
  // whatever came, a few answers later it is where the log is
  for (let round = 0; round < 8; round++) {
    now = Math.max(now, order.due(true)) + 1
    answer()
  }
  assert.deepEqual(order.position(), { logId: "log", offset: log.length, id: log.at(-1)!.id })
}

const KEYS = [
  "a",
  "b",
  "0",
  "1",
  "01",
  "-",
  "-1",
  "1e0",
  "length",
  "",
  "~0",
  "~1",
  "~",
  "a~2b",
  "constructor",
  "prototype",
  "__proto__"
]
const pointer = (random: Random) =>
  random.chance(0.02)
    ? random.pick(["a", "~", "/~"])
    : Array.from({ length: random.int(4) }, () => `/${random.pick(KEYS)}`).join("")
const operation = (random: Random): PatchOperation => {
  const op = random.pick(["add", "replace", "test", "remove", "move", "copy"] as const)
  const path = pointer(random)
  if (op === "remove") return { op, path }
  if (op === "move" || op === "copy") return { op, from: pointer(random), path }
  return { op, path, value: randomJson(random, 2) }
}
interface Patching {
  readonly doc: Json
  readonly patch: readonly PatchOperation[]
}
const checkPatch = ({ doc, patch }: Patching): void => {
  const before = JSON.stringify(doc)
  const patched = applyPatch(doc, patch)
  const expected = patchByTheBook(JSON.parse(before) as Json, patch)
  assert.equal(JSON.stringify(doc), before, "it changed what it was given")
  if (expected === undefined) return assert.ok(!patched.ok, "it applies what RFC 6902 refuses")
  assert.ok(patched.ok, `it refuses what RFC 6902 applies: ${patched.ok ? "" : patched.fault.code}`)
  assert.deepEqual(patched.value, expected.value)
}

export const viewTargets = [
  target("folding what the guard let through", 1_000, () => ({
    make: (random) => events(random, (event) => checkEvent(event).ok),
    check: checkFold
  })),
  target("folding what only has a type", 1_000, () => ({
    // as the browser's check lets it through
    make: (random) =>
      JSON.parse(
        JSON.stringify(events(random, (event) => typeof event === "object" && event !== null))
      ) as readonly Entry[],
    check: checkFold
  })),
  target("order", 2_000, () => ({ make: schedule, check: checkOrder })),
  target("JSON Patch beside RFC 6902 as it is written", 20_000, () => ({
    make: (random): Patching => ({
      doc: randomJson(random, 4),
      patch: Array.from({ length: 1 + random.int(4) }, () => operation(random))
    }),
    check: checkPatch
  }))
]
