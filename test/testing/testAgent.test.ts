import { describe, expect, it } from "vitest"
import * as z from "zod"
import { defineAgent } from "../../src/agent/defineAgent.ts"
import type { Run } from "../../src/agent/Run.ts"
import { testAgent } from "../../src/testing/testAgent.ts"

const agentOf = (run: (run: Run) => Promise<unknown>) =>
  defineAgent({ name: "a", input: z.object({}), output: z.any(), run: (handle) => run(handle as unknown as Run) })
const texts = async (run: Run, limit?: number) =>
  (await run.history(limit === undefined ? {} : { limit })).map(
    ({ parts, role }) => `${role}: ${parts.map((part) => (part.type === "text" ? part.text : part.type)).join()}`
  )

describe("testAgent", () => {
  it("gives events from the acceptance on, outcome, result, text and view", async () => {
    const { events, outcome, result, text, view } = await testAgent(
      agentOf(async (run) => {
        await run.text("Hello, ")
        run.status("thinking")
        await run.text("world")
        return 42
      }),
      { input: {} }
    )
    expect(events[0]).toMatchObject({ type: "run.accepted", agent: "a", input: {} })
    expect(events.at(-1)?.type).toBe("run.finished")
    expect(outcome).toEqual({ type: "completed", result: 42 })
    expect({ result, text }).toEqual({ result: 42, text: "Hello, world" })
    expect(view.runs).toMatchObject([{ state: "finished", label: "thinking" }])
  })
  it("history: what the thread holds before, oldest first, the newest `limit`", async () => {
    const history = [
      { role: "user", text: "one" },
      { role: "assistant", text: "two" },
      {
        role: "user",
        parts: [
          { type: "text", text: "three" },
          { type: "file", url: "https://example.com/f", mediaType: "text/plain" }
        ]
      }
    ] as const
    const { events, result } = await testAgent(
      agentOf(async (run) => [await texts(run), await texts(run, 2), await texts(run, 0)]),
      { input: {}, history }
    )
    expect(result).toEqual([
      ["user: one", "assistant: two", "user: three,file"],
      ["assistant: two", "user: three,file"],
      []
    ])
    expect(events.some(({ type }) => type === "message.posted")).toBe(false)
  })
  it("context, tags and who started it reach the run", async () => {
    const context = { db: "fake" }
    const by = { id: "bea", claims: { plan: "pro" } }
    const { events, result } = await testAgent(
      agentOf(
        async (run) =>
          ({ by: run.by, tags: run.tags, same: run.context === context, thread: run.thread, epoch: run.epoch }) as never
      ),
      { input: {}, by, tags: { page: "home" }, context }
    )
    expect(result).toMatchObject({ by, tags: { page: "home" }, thread: "test", epoch: 1 })
    expect(events[0]).toMatchObject({ by: "bea", tags: { page: "home" } })
  })
  it("interruptAt: what it answers is sent as a person would send it", async () => {
    const { outcome, view } = await testAgent(
      agentOf(async (run) => {
        await run.text("…")
        for (;;) {
          const [steering] = await run.steered()
          if (steering !== undefined) return steering.text
          await new Promise((resolve) => setImmediate(resolve))
        }
      }),
      {
        input: {},
        interruptAt: (event) =>
          event.type === "text.delta"
            ? { kind: "steer", when: "next-step", message: { id: "m", parts: [{ type: "text", text: "shorter" }] } }
            : undefined
      }
    )
    expect(outcome).toEqual({ type: "completed", result: "shorter" })
    expect(view.runs[0]?.interrupts).toMatchObject([{ kind: "steer", state: "applied" }])
  })
  it("interruptAt: a cancel ends the run as cancelled", async () => {
    const { outcome, text } = await testAgent(
      agentOf(async (run) => {
        await run.text("a")
        await new Promise<void>((resolve) => run.signal.addEventListener("abort", () => resolve()))
      }),
      {
        input: {},
        interruptAt: (event) => (event.type === "text.delta" ? { kind: "cancel", reason: "enough" } : undefined)
      }
    )
    expect(outcome).toEqual({ type: "cancelled", reason: "enough" })
    expect(text).toBe("a")
  })
  it("rejects when the run is not accepted, with the fault", async () => {
    const agent = defineAgent({ name: "a", input: z.object({ n: z.number() }), run: async () => {} })
    await expect(testAgent(agent, { input: { n: "x" } as never })).rejects.toMatchObject({
      fault: { code: "BAD_INPUT", path: "input.n" }
    })
  })
  it("a run that fails is an outcome, not a rejection", async () => {
    const { outcome, result } = await testAgent(
      agentOf(() => Promise.reject(new Error("no"))),
      { input: {} }
    )
    expect(outcome.type).toBe("failed")
    expect(result).toBeUndefined()
  })
})
