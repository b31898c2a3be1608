/**
 * Seeded schedules: frames are dropped, copied, reordered and delayed, sockets cut, requests failed, the log
 * replaced or set back. Whatever happens, each view that is shown is the fold of a beginning of one log, and in the end of all of it.
 */
import { describe, expect, it } from "vitest"
import { openThread } from "../../src/client/index.ts"
import type { View } from "../../src/protocol/View.ts"
import type { Entry } from "../../src/protocol/Entry.ts"
import { createFold } from "../../src/thread/fold.ts"
import { fakeBackend, fakeGateway, refusal, runEvents } from "./fake.ts"
import { seeded, virtualClock } from "./virtual.ts"

const SCHEDULES = 1_000

const run = async (seed: number) => {
  const random = seeded(seed * 7919)
  const clock = virtualClock(seed)
  const backend = fakeBackend(clock)
  const gateway = fakeGateway(clock)
  backend.latencyMillis = random() * 200
  gateway.openMillis = random() * 100
  const chaos = {
    drop: random() * 0.5,
    copy: random() * 0.5,
    delay: random() * 400,
    fail: random() * 0.3,
    cut: random() * 0.1,
    replace: random() < 0.2 ? 0.05 : 0,
    setBack: random() < 0.3 ? 0.1 : 0
  }
  let healed = false
  backend.intercept = () => {
    if (healed || random() >= chaos.fail) return undefined
    return random() < 0.5 ? refusal(503, "STORE_UNAVAILABLE", true) : Promise.reject(new Error("reset"))
  }
  /** Every view that may be shown, by its place. */
  const legal = new Map<string, string>([["/0/", JSON.stringify(createFold().view)]])
  let fold = createFold()
  let shown = 0
  const check = (view: View) => {
    shown++
    if (JSON.stringify(view) !== legal.get(`${view.logId}/${view.offset}/${view.id}`))
      throw new Error(`seed ${seed}: a view that never was, at ${view.logId}/${view.offset}`)
  }
  const append = (events: Entry["events"]) => {
    const entry = backend.append("t", events)
    fold.apply(entry)
    legal.set(`${entry.logId}/${entry.offset}/${entry.id}`, JSON.stringify(fold.view))
    const copies = random() < chaos.drop ? 0 : random() < chaos.copy ? 2 : 1
    for (let copy = 0; copy < copies; copy++)
      clock.setTimeout(() => gateway.publish("t", JSON.stringify(entry)), random() * chaos.delay)
  }
  const open = () => {
    const thread = openThread({
      endpoint: "/api",
      thread: "t",
      gateways: [gateway],
      fetch: backend.fetch,
      environment: clock
    })
    thread.subscribe(check)
    return thread
  }
  const threads = [open()]
  let runs = 0
  let current = ""
  for (let step = 0; step < 25; step++) {
    if (random() < chaos.replace) {
      const log = backend.log("t")
      log.logId = `other-${seed}-${step}`
      log.entries = []
      fold = createFold()
      legal.set(`${log.logId}/0/`, JSON.stringify({ ...fold.view, logId: log.logId }))
      current = ""
    }
    if (random() < chaos.setBack) {
      const log = backend.log("t")
      log.entries.splice(Math.max(1, log.entries.length - Math.floor(random() * 4)))
      fold = createFold()
      for (const entry of log.entries) fold.apply(entry)
      current = fold.view.runs.find((open) => open.state === "running")?.id ?? ""
    }
    if (current === "") append(runEvents.begin((current = `r${++runs}`)))
    else if (random() < 0.1) {
      append(runEvents.end(current))
      current = ""
    } else append(runEvents.delta(current, `${step} `))
    if (random() < chaos.cut) for (const socket of gateway.open()) socket.cut()
    if (random() < 0.05) threads.push(open())
    await clock.advance(random() * 60)
  }
  // The last frame of all is lost more often than not.
  chaos.drop = 0.7
  if (current !== "") append(runEvents.end(current))
  healed = true
  // Longest: a look while idle, after requests that failed.
  await clock.advance(75_000)
  const last = backend.log("t")
  for (const thread of threads) {
    expect(thread.view.logId, `seed ${seed}`).toBe(last.logId)
    expect(thread.view.offset, `seed ${seed}`).toBe(last.entries.length)
    expect(JSON.stringify(thread.view), `seed ${seed}`).toBe(
      legal.get(`${last.logId}/${last.entries.length}/${last.entries.at(-1)!.id}`)
    )
    expect(thread.connection, `seed ${seed}`).toBe("live")
    thread.close()
  }
  return shown
}

describe("whatever the gateway, the network and the log do", () => {
  it(`every view shown is the fold of a beginning of one log, and in the end of all of it (${SCHEDULES} schedules)`, async () => {
    let shown = 0
    for (let seed = 1; seed <= SCHEDULES; seed++) shown += await run(seed)
    expect(shown).toBeGreaterThan(SCHEDULES * 20)
  }, 120_000)
})
