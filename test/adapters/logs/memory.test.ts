import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { memoryLog, memoryStore } from "../../../adapters/logs/memory/log.ts"
import { ThreadLog } from "../../../src/ports/ThreadLog.ts"
import { conforms } from "./conform.ts"

describe("the memory log", () => {
  const store = memoryStore()
  conforms(async () => memoryLog({ store }))

  it.effect("tells the virtual time of a test", () =>
    Effect.gen(function* () {
      const log = yield* ThreadLog
      yield* TestClock.adjust("1 hour")
      expect((yield* log.head("main/t")).now).toBe(3_600_000)
      expect((yield* log.knock("main/t", "w")).knock).toEqual({ by: "w", at: 3_600_000 })
    }).pipe(Effect.provide(memoryLog()))
  )
})
