import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { describe, expect, it } from "vitest"
import { memoryLog, memoryStore } from "../../adapters/logs/memory/log.ts"
import type { MemoryStore } from "../../adapters/logs/memory/log.ts"
import { faultyLog } from "../../src/conformance/faultyLog.ts"
import type { FaultyLogOptions } from "../../src/conformance/faultyLog.ts"
import { entriesOf, following } from "../../src/conformance/logCase.ts"
import { checkLog } from "../../src/conformance/logCases.ts"
import { ThreadLog } from "../../src/ports/ThreadLog.ts"
import type { ThreadLogService } from "../../src/ports/ThreadLog.ts"
import { brokenLogs } from "./logs.broken.ts"

const open = (store: MemoryStore): ThreadLogService =>
  Context.get(Effect.runSync(Effect.scoped(Layer.build(Layer.fresh(memoryLog({ store }))))), ThreadLog)
const ENV = { patienceMillis: 2_000 }

describe("conformance of logs", () => {
  it("finds nothing in a log that keeps its promises", async () => {
    const store = memoryStore()
    const findings = await Effect.runPromise(checkLog(open(store), { second: open(store), ...ENV }))
    expect(findings.filter((finding) => finding.problem !== undefined)).toEqual([])
    expect(findings.length).toBeGreaterThan(20)
  })
  for (const { name, found, make } of brokenLogs) {
    it.concurrent(`finds a log that ${name}`, async () => {
      const store = memoryStore()
      const broken = (): ThreadLogService => {
        const log = open(store)
        return { ...log, ...make(log, store) }
      }
      const findings = await Effect.runPromise(checkLog(broken(), { second: broken(), ...ENV }))
      const failed = findings.filter((finding) => finding.problem !== undefined).map((finding) => finding.name)
      expect(
        failed.filter((name) => found.test(name)),
        failed.join("; ")
      ).not.toEqual([])
    })
  }
})

/** Appends `count` entries as a writer must: after every answer but `Appended` it looks for its own entry. */
const write = Effect.fnUntraced(function* (log: ThreadLogService, name: string, count: number) {
  const retried = <A, E>(effect: Effect.Effect<A, E>) => Effect.eventually(effect)
  const done: string[] = []
  for (let n = 0; n < count; n++) {
    const id = `${name}-${n}`
    for (;;) {
      const next = following(yield* retried(log.head("main/t")), { id })
      const result = yield* log.append("main/t", next)
      if (result._tag === "Appended") break
      // A late commit may still come: what decides is who has the offset, so fill it or see it filled.
      if (result._tag === "Unknown") {
        const again = yield* settle(log, next)
        if (again) break
      } else if (
        (yield* retried(log.read("main/t", next.expected.offset, { limit: 1, maxBytes: 1 }))).entries[0]?.id === id
      )
        break
    }
    done.push(id)
  }
  return done
})
/** Sends the same entry, byte for byte, until the offset is taken; answers whether by this entry. */
const settle = Effect.fnUntraced(function* (log: ThreadLogService, append: ReturnType<typeof following>) {
  for (;;) {
    const result = yield* log.append("main/t", append)
    if (result._tag === "Appended") return true
    const { entries, head } = yield* Effect.eventually(
      log.read("main/t", append.expected.offset, { limit: 1, maxBytes: 1 })
    )
    if (entries[0] !== undefined) return entries[0].id === append.entry.id
    if (result._tag === "Conflict" && head.tag !== append.expected.tag) return false
  }
})

describe("the faulty log", () => {
  const rates: FaultyLogOptions["rates"] = {
    "unknown-before": 0.1,
    "unknown-after": 0.1,
    late: 0.1,
    duplicate: 0.1,
    unavailable: 0.1,
    delay: 0.3
  }
  it("loses, delays and repeats requests, and a careful writer still writes each entry once", async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const inner = open(memoryStore())
      const log = faultyLog(inner, { rates, seed, lateMillis: 3, delayMillis: 2 })
      const both = Effect.all([write(log, "a", 15), write(log, "b", 15)], { concurrency: "unbounded" })
      const written = (await Effect.runPromise(both)).flat()
      await Effect.runPromise(Effect.sleep(10))
      const ids = (await Effect.runPromise(entriesOf(inner, "main/t"))).map((entry) => entry.id)
      expect([...ids].sort()).toEqual([...written].sort())
    }
  })
  it("injects the same faults for the same seed", async () => {
    const answers = async (seed: number) => {
      const log = faultyLog(open(memoryStore()), { rates: { "unknown-before": 0.5 }, seed })
      const append = Effect.flatMap(log.head("main/t"), (head) => log.append("main/t", following(head)))
      return Effect.runPromise(
        Effect.map(Effect.all(Array.from({ length: 40 }, () => append)), (all) => all.map((one) => one._tag))
      )
    }
    expect(await answers(7)).toEqual(await answers(7))
    expect(await answers(7)).not.toEqual(await answers(8))
  })
  it("commits a late request after its answer", async () => {
    const inner = open(memoryStore())
    const log = faultyLog(inner, { script: () => "late", lateMillis: 5 })
    const result = await Effect.runPromise(
      log.append("main/t", following(await Effect.runPromise(inner.head("main/t"))))
    )
    expect(result._tag).toBe("Unknown")
    expect((await Effect.runPromise(inner.head("main/t"))).offset).toBe(0)
    await expect.poll(async () => (await Effect.runPromise(inner.head("main/t"))).offset).toBe(1)
  })
})
