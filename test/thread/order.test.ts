import { describe, expect, it } from "vitest"
import type { Entry, Frame } from "../../src/protocol/Entry.ts"
import { createOrder } from "../../src/thread/order.ts"
import type { CheckedPage, Plan } from "../../src/thread/order.ts"

const seeded = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}
const entry = (offset: number, logId = "L", branch = ""): Entry => ({
  v: 1,
  logId,
  thread: "t",
  offset,
  id: `${logId}${branch}${offset}`,
  prev: offset === 1 ? "" : `${logId}${branch}${offset - 1}`,
  at: "2026-01-01T00:00:00.000Z",
  events: []
})
const log = (length: number, logId = "L") => Array.from({ length }, (_, index) => entry(index + 1, logId))
const head = ({ logId, offset, id }: Entry): Frame => ({ v: 1, logId, thread: "t", offset, id })
const page = (entries: readonly Entry[], plan: Plan, max = 1_000): CheckedPage => {
  if (plan.type === "view") throw new Error("a view was asked for")
  const found = entries.slice(plan.after, plan.after + Math.min(plan.limit ?? max, max))
  const last = entries.at(-1)
  return {
    logId: last?.logId ?? "",
    head: { offset: entries.length, id: last?.id ?? "" },
    entries: found,
    more: plan.after + found.length < entries.length
  }
}
const setUp = (at = 0, random: () => number = () => 0.5) => {
  const applied: number[] = []
  const order = createOrder({ apply: ({ offset }) => void applied.push(offset), random })
  order.begin(0)
  order.reset(at === 0 ? { logId: "", offset: 0, id: "" } : { logId: "L", offset: at, id: `L${at}` }, 0)
  return { applied, order }
}

describe("what is applied", () => {
  it("is the next offset of the same history, and what was held behind it", () => {
    const { applied, order } = setUp()
    expect(order.receive(entry(1), 10, 0)).toBe(true)
    expect(order.receive(entry(3), 10, 0)).toBe(false)
    expect(order.receive(entry(4), 10, 0)).toBe(false)
    expect(order.behind()).toBe(true)
    expect(order.receive(entry(2), 10, 0)).toBe(true)
    expect(applied).toEqual([1, 2, 3, 4])
    expect(order.behind()).toBe(false)
    expect(order.position()).toEqual({ logId: "L", offset: 4, id: "L4" })
  })
  it("is never an entry whose prev is another, nor one of another log: the log is asked", () => {
    const otherLog = { ...entry(4), logId: "M" }
    for (const strange of [entry(4, "L", "x"), entry(4, "M"), otherLog, entry(3, "L", "x"), entry(2, "L", "x")]) {
      const { applied, order } = setUp(1)
      order.receive(entry(2), 10, 0)
      order.receive(entry(3), 10, 0)
      expect(order.receive(strange, 10, 5_000)).toBe(false)
      expect(applied).toEqual([2, 3])
      expect(order.due(true)).toBe(5_000)
    }
  })
  it("is not a held entry that turns out to be of another history", () => {
    const { applied, order } = setUp(1)
    order.receive(entry(3, "L", "x"), 10, 0)
    order.receive(entry(2), 10, 1_000)
    expect(applied).toEqual([2])
    expect(order.due(true)).toBe(1_000)
  })
  it("is nothing while there is no position; then what is held beyond the view", () => {
    const applied: number[] = []
    const order = createOrder({ apply: ({ offset }) => void applied.push(offset), random: () => 0 })
    expect(order.due(false)).toBe(-Infinity)
    expect(order.begin(0)).toEqual({ type: "view" })
    for (const frame of [entry(5), entry(6), entry(4), entry(7, "M")]) order.receive(frame, 10, 0)
    order.reset({ logId: "L", offset: 4, id: "L4" }, 10)
    expect(applied).toEqual([5, 6])
    // What another log announced is believed until this one was asked once.
    expect(order.due(false)).toBe(10 + 150)
    expect(order.fetched(page(log(6), order.begin(160)), 170)).toBe("nothing")
    expect(order.behind()).toBe(false)
  })
})

describe("a gap", () => {
  it("is waited for from 150 to 300 ms, then fetched up to the last missing offset", () => {
    const { applied, order } = setUp(1)
    const entries = log(9)
    for (const offset of [3, 5, 8]) order.receive(entries[offset - 1]!, 10, 1_000)
    expect(order.due(true)).toBe(1_225)
    const plan = order.begin(1_225)
    expect(plan).toEqual({ type: "entries", after: 1, id: "L1", logId: "L", why: "gap", limit: 6 })
    expect(order.due(true)).toBe(Infinity)
    expect(order.fetched(page(entries, plan), 1_250)).toBe("applied")
    expect(applied).toEqual([2, 3, 4, 5, 6, 7, 8])
    // The answer says that the head is further: its frame may be on the way.
    expect(order.due(true)).toBe(1_250 + 225)
  })
  it("that a head frame reveals is fetched up to the head, sooner", () => {
    const { order } = setUp(1)
    const entries = log(30)
    order.receive(head(entries[29]!), 10, 1_000)
    expect(order.due(true)).toBe(1_075)
    const plan = order.begin(1_075)
    expect(plan).not.toHaveProperty("limit")
    expect(order.fetched(page(entries, plan, 10), 1_100)).toBe("applied")
    expect(order.due(true)).toBe(1_100)
  })
  it("wider than what is held is not buffered, and what never existed is not asked for again", () => {
    const { order } = setUp(1)
    order.receive(entry(1_000_000_000), 10, 0)
    order.receive(entry(259), 10, 0)
    const entries = log(1)
    let asked = 0
    for (let now = 0; now < 4_000; now++) {
      if (order.due(true) > now) continue
      const plan = order.begin(now)
      asked++
      expect(order.fetched(page(entries, plan), now)).toBe("nothing")
    }
    expect(asked).toBe(1)
    expect(order.behind()).toBe(false)
  })
  it("is held within 256 entries and 1 MiB", () => {
    const { applied, order } = setUp(1)
    for (let offset = 3; offset < 400; offset++) order.receive(entry(offset), 10, 0)
    order.receive(entry(2), 10, 0)
    expect(applied).toHaveLength(256)
    const other = setUp(1)
    for (let offset = 3; offset < 30; offset++) other.order.receive(entry(offset), 100_000, 0)
    expect(other.order.due(true)).toBeLessThanOrEqual(150)
    other.order.receive(entry(2), 10, 0)
    expect(other.applied).toHaveLength(11)
  })
  it("that was filled by frames while it was fetched leaves nothing behind", () => {
    const { applied, order } = setUp(1)
    const entries = log(4)
    order.receive(entries[3]!, 10, 0)
    const plan = order.begin(300)
    order.receive(entries[1]!, 10, 310)
    order.receive(entries[2]!, 10, 320)
    expect(order.fetched(page(entries, plan), 330)).toBe("nothing")
    expect(applied).toEqual([2, 3, 4])
    expect(order.behind()).toBe(false)
    // An entry that the page overtook is not held for ever.
    const again = setUp(1)
    again.order.receive(entries[3]!, 10, 0)
    const whole = again.order.begin(300)
    again.order.fetched(page(entries, { ...whole, limit: 9 } as Plan), 310)
    expect(again.order.behind()).toBe(false)
    expect(again.order.due(false)).toBeGreaterThan(50_000)
  })
})

describe("looking at the log", () => {
  it("happens after 5 to 6 s without a newer frame while a run is started, and after 60 to 70 s otherwise", () => {
    for (const random of [() => 0, () => 0.999]) {
      const { order } = setUp(1, random)
      order.receive(entry(2), 10, 1_000)
      expect(order.due(true)).toBe(6_000 + Math.round(1_000 * random()))
      expect(order.due(false)).toBeGreaterThanOrEqual(61_000)
      expect(order.due(false)).toBeLessThanOrEqual(71_000)
      order.receive(head(entry(2)), 10, 5_000)
      expect(order.due(true)).toBeGreaterThanOrEqual(10_000)
      // A late copy of an older one proves nothing.
      order.receive(entry(1), 10, 9_000)
      expect(order.due(true)).toBeLessThanOrEqual(11_000)
    }
  })
  it("tells that the log changed when its newest entry has another id", () => {
    const { order } = setUp(3)
    const plan = order.begin(60_000)
    expect(plan).toMatchObject({ why: "silence", after: 3 })
    expect(order.fetched({ logId: "L", head: { offset: 3, id: "other" }, entries: [], more: false }, 60_010)).toBe(
      "changed"
    )
    expect(order.fetched({ logId: "M", head: { offset: 0, id: "" }, entries: [], more: false }, 60_010)).toBe("changed")
    expect(
      order.fetched({ logId: "L", head: { offset: 4, id: "Lx4" }, entries: [entry(4, "L", "x")], more: false }, 60_010)
    ).toBe("changed")
  })
  it("is done again when it was asked for while another look was under way", () => {
    const { order } = setUp(1)
    order.begin(60_000)
    order.check(60_010)
    order.fetched(page(log(1), { type: "entries", after: 1, id: "L1", logId: "L", why: "check" }), 60_020)
    expect(order.due(false)).toBeLessThanOrEqual(60_020)
    order.begin(60_020)
    order.fetched(page(log(1), { type: "entries", after: 1, id: "L1", logId: "L", why: "check" }), 60_030)
    expect(order.due(false)).toBeGreaterThan(100_000)
  })
  it("that fails is repeated ever later, and not before it was told", () => {
    const { order } = setUp(1, () => 0.999)
    order.check(0)
    let now = 0
    const waits: number[] = []
    for (let attempt = 0; attempt < 12; attempt++) {
      order.begin(now)
      order.failed(now)
      waits.push(order.due(true) - now)
      now = order.due(true)
    }
    expect(waits[0]).toBeLessThanOrEqual(250)
    expect(waits[11]).toBeGreaterThan(25_000)
    expect(waits[11]).toBeLessThanOrEqual(30_000)
    order.begin(now)
    order.failed(now, 45_000)
    expect(order.due(true) - now).toBeGreaterThanOrEqual(45_000)
  })
  it("because of strange frames happens at most once a second", () => {
    const { order } = setUp(1)
    let asked = 0
    for (let now = 0; now < 10_000; now++) {
      order.receive(entry(2, "other"), 10, now)
      if (order.due(false) > now) continue
      asked++
      order.fetched(page(log(1), order.begin(now)), now)
    }
    expect(asked).toBeLessThanOrEqual(11)
    expect(asked).toBeGreaterThanOrEqual(9)
  })
  it("is not repeated in a tight loop when the backend contradicts itself", () => {
    const { order } = setUp(1)
    let asked = 0
    order.check(0)
    for (let now = 0; now < 60_000; now++) {
      if (order.due(false) > now) continue
      asked++
      if (order.begin(now).type === "view") {
        order.reset({ logId: "L", offset: 1, id: "L1" }, now)
        order.check(now)
      } else order.lost(now)
    }
    expect(asked).toBeLessThan(40)
  })
})

describe("any schedule of loss, copies and disorder", () => {
  it("applies the log from one end to the other, each entry once (5,000 schedules)", () => {
    for (let seed = 1; seed <= 5_000; seed++) {
      const random = seeded(seed)
      const length = 1 + Math.floor(random() * 60)
      const entries = log(length)
      const [drop, copy, delay] = [random() * 0.6, random() * 0.6, random() * 800]
      const arrivals: { at: number; frame: Frame }[] = []
      for (const [index, one] of entries.entries()) {
        const sentAt = index * 10
        const frame = random() < 0.1 ? head(one) : one
        for (let copies = random() < drop ? 0 : random() < copy ? 3 : 1; copies > 0; copies--)
          arrivals.push({ at: sentAt + random() * delay, frame })
      }
      arrivals.sort((a, b) => a.at - b.at)
      const { applied, order } = setUp(0, random)
      let pending: { at: number; plan: Plan; page: CheckedPage } | undefined
      let next = 0
      let requests = 0
      for (let now = 0; now < 12_000 && applied.length < length; now += 5) {
        for (; next < arrivals.length && arrivals[next]!.at <= now; next++)
          order.receive(arrivals[next]!.frame, 100, now)
        if (pending !== undefined && pending.at <= now) {
          const { page: found } = pending
          pending = undefined
          if (random() < 0.2) order.failed(now)
          else expect(order.fetched(found, now)).not.toBe("changed")
        }
        if (order.due(true) > now) continue
        const plan = order.begin(now)
        requests++
        const written = Math.min(length, Math.floor(now / 10) + 1)
        pending = { at: now + random() * 200, plan, page: page(entries.slice(0, written), plan, 20) }
      }
      expect(applied, `seed ${seed}`).toEqual(entries.map(({ offset }) => offset))
      expect(requests, `seed ${seed}`).toBeLessThan(30)
    }
  })
})
