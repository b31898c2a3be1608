import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { agentOf, makeBackends } from "../agent/world.ts"
import { flush } from "../writer/world.ts"

describe("a request that takes its time", () => {
  it.effect("a body that does not end is answered after ten seconds, by the clock", () =>
    Effect.gen(function* () {
      const world = yield* makeBackends([agentOf("a", async () => {})])
      let cancelled = false
      const body = new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode('{"id":')),
        cancel: () => void (cancelled = true)
      })
      const request = new Request("http://test/threads/t1/messages", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
        duplex: "half"
      } as RequestInit)
      const answering = yield* Effect.forkChild(world.first.backend.handle(request))
      yield* flush
      yield* TestClock.adjust(9_999)
      yield* flush
      assert.strictEqual(answering.pollUnsafe(), undefined)
      yield* TestClock.adjust(1)
      const response = yield* Fiber.join(answering)
      assert.strictEqual(response.status, 408)
      const { error, ok } = (yield* Effect.promise(() => response.json())) as {
        ok: boolean
        error: { code: string; retryable: boolean }
      }
      assert.deepStrictEqual([ok, error.code, error.retryable], [false, "REQUEST_TIMEOUT", true])
      yield* flush
      assert.isTrue(cancelled, "nothing goes on reading it")
      assert.deepStrictEqual(world.events(), [])
    }).pipe(Effect.scoped)
  )
})
