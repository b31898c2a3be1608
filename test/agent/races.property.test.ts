import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { flush, pass, passUntil } from "../writer/world.ts"
import { agentOf, gate, makeBackends } from "./world.ts"

const SCHEDULES = 480
const PER_TEST = 60

/** Mulberry32: the same numbers for the same seed. */
const seeded = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1)
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
}

/** One schedule: a run is worked on, completed, cancelled, swept and its worker frozen, at times that the seed picks. */
const schedule = (seed: number) =>
  Effect.gen(function* () {
    const random = seeded(seed)
    const pick = (limit: number) => Math.floor(random() * limit)
    const policy = random() < 0.5 ? "retry" : "fail"
    const complete = gate()
    const world = yield* makeBackends(
      [
        agentOf(
          "a",
          async (run) => {
            await run.text(`said by ${run.epoch}`)
            const won = await run.tool("work", {}, () => run.epoch)
            await complete.passed
            await run.text(`ended by ${run.epoch}`)
            return won
          },
          { onWorkerLost: policy }
        )
      ],
      { processes: 3, subscribe: random() < 0.5 }
    )
    yield* world.start("r", "a")
    for (const process of world.processes) process.lag = pick(4)
    const fibers: Fiber.Fiber<unknown, unknown>[] = []
    const actions: readonly (() => Effect.Effect<unknown>)[] = [
      () => Effect.sync(() => complete.open()),
      () => Effect.ignore(world.interrupt({ kind: "cancel", run: "r", graceMillis: pick(3) * 200 })),
      () => Effect.ignore(world.processes[pick(3)]!.backend.sweep),
      () =>
        Effect.ignore(
          world.processes[1 + pick(2)]!.backend.work(
            world.jobs.shift() ?? { thread: "main/t1", run: "r", epoch: 1 + pick(2) }
          )
        ),
      () => Effect.sync(() => world.processes[1 + pick(2)]!.freeze()),
      () => Effect.sync(() => world.processes.forEach(({ thaw }) => thaw()))
    ]
    // most schedules begin with a worker at work
    if (random() < 0.8) fibers.push(yield* world.work(world.second))
    for (let n = 4 + pick(8); n > 0; n--) {
      fibers.push(yield* Effect.forkChild(actions[pick(actions.length)]!()))
      const time = random()
      if (time < 0.6) yield* pass(pick(12), 2)
      else if (time < 0.75) yield* pass(31_000, 1_000)
    }
    yield* flush
    // heal: everything thaws, the function may end, jobs are delivered, sweepers sweep
    for (const process of world.processes) process.thaw()
    complete.open()
    for (let round = 0; round < 8 && world.outcomes("r").length === 0; round++) {
      while (world.jobs.length > 0) fibers.push(yield* world.work(world.second))
      yield* pass(round === 0 ? 300 : 10_000, round === 0 ? 10 : 500)
      fibers.push(yield* Effect.forkChild(Effect.ignore(world.first.backend.sweep)))
      yield* pass(50)
    }
    yield* passUntil(() => fibers.every((fiber) => fiber.pollUnsafe() !== undefined), 40_000, 200)
    yield* flush

    const events = world.events().filter((event) => "run" in event && event.run === "r")
    const name = `seed ${seed}: ${events.map(({ type }) => type).join(" ")}`
    const end = events.findIndex(({ type }) => type === "run.finished")
    assert.strictEqual(events.filter(({ type }) => type === "run.finished").length, 1, name)
    // after the end only people are answered
    for (const { type } of events.slice(end + 1)) assert.strictEqual(type, "interrupt.received", name)
    // epochs only grow, and what an epoch says stands before the next one begins
    let epoch = 0
    for (const event of events) {
      if (event.type === "run.started") {
        assert.strictEqual(event.epoch, epoch + 1, name)
        epoch = event.epoch
      }
      if (event.type === "text.delta") assert.include(event.text, `by ${epoch}`, name)
    }
    // every interrupt that was accepted has its end
    const accepted = events.flatMap((event) =>
      event.type === "interrupt.received" && event.verdict.type === "accepted" ? [event.interrupt.id] : []
    )
    const applied = events.flatMap((event) => (event.type === "interrupt.applied" ? [event.interrupt] : []))
    assert.deepStrictEqual([...applied].sort(), [...accepted].sort(), name)
    return world.outcomes("r")[0]!.type
  })

describe("cancel, complete, sweep, late jobs and frozen workers at random", () => {
  const ends = new Set<string>()
  for (let from = 1; from <= SCHEDULES; from += PER_TEST) {
    it.effect(
      `seeds ${from} to ${from + PER_TEST - 1}: exactly one run.finished, and nothing of an older epoch after a newer one`,
      () =>
        Effect.gen(function* () {
          for (let seed = from; seed < from + PER_TEST; seed++) ends.add(yield* Effect.scoped(schedule(seed)))
        }),
      60_000
    )
  }
  it("all three ends come about", () => {
    assert.deepStrictEqual([...ends].sort(), ["cancelled", "completed", "failed"])
  })
})
