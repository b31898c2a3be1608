import { describe, expect, it } from "vitest"
import * as z from "zod"
import { defineAgent } from "../../src/agent/defineAgent.ts"
import { AgentError } from "../../src/agent/RunAborted.ts"
import type { KnownEvent } from "../../src/protocol/Event.ts"
import { checkEvent } from "../../src/protocol/guard.ts"
import { testAgent } from "../../src/testing/testAgent.ts"
import { agentOf, typesOf } from "./world.ts"

const only = <T extends KnownEvent["type"]>(events: readonly KnownEvent[], type: T) =>
  events.filter((event): event is Extract<KnownEvent, { readonly type: T }> => event.type === type)
const input = {}

describe("what is not JSON", () => {
  const cyclic: { self?: unknown } = {}
  cyclic.self = cyclic
  const bad: readonly (readonly [string, unknown])[] = [
    ["NaN", { a: [1, Number.NaN] }],
    ["Infinity", { a: [1, Infinity] }],
    ["a BigInt", { a: [1, 1n] }],
    ["a function", { a: [1, () => 1] }],
    ["undefined", { a: [1, undefined] }],
    ["a Date", { a: [1, new Date()] }],
    ["a Map", { a: [1, new Map()] }]
  ]
  it.each(bad)("%s is thrown back at the call, naming the path", async (_, value) => {
    const { outcome, result } = await testAgent(
      agentOf("a", async (run) => {
        const told = async (call: () => unknown) => {
          try {
            await call()
            return "nothing"
          } catch (error) {
            return (error as { fault?: { path?: string } }).fault?.path ?? (error as Error).message
          }
        }
        return [
          await told(() => run.state("d").set(value as never)),
          await told(() => run.tool("t", value as never, () => 1)),
          await told(() => run.tool("t", {}, () => value as never)),
          await told(() => run.step("s", () => value as never)),
          await told(() => run.usage({ model: value } as never)),
          await told(() => run.status(value as never))
        ]
      }),
      { input }
    )
    expect(outcome.type).toBe("completed")
    for (const path of result as string[]) expect(path).toContain("a[1]")
  })
  it("a cycle is too", async () => {
    const { result } = await testAgent(
      agentOf("a", async (run) => {
        try {
          run.state().set(cyclic as never)
          return "nothing"
        } catch (error) {
          return (error as Error).message
        }
      }),
      { input }
    )
    expect(result).toMatch(/self|deep|cycl/)
  })
  it("what is JSON but no event is thrown back at the call, naming the field; the log holds nothing that clients refuse", async () => {
    const { outcome, events } = await testAgent(
      agentOf("a", async (run) => {
        const told: string[] = []
        for (const call of [
          () => run.usage({ input: "many" } as never),
          () => run.text("x", { citations: [{ source: 7 }] as never }),
          () => run.tool("t".repeat(300), {}, () => 1),
          () => run.step("", () => 1),
          () => run.status(7 as never),
          () => run.file({ url: 7, mediaType: "text/plain" } as never)
        ]) {
          await (async () => call())().catch((error: { fault?: { path?: string } }) =>
            told.push(error.fault?.path ?? "none")
          )
        }
        return told
      }),
      { input }
    )
    for (const event of events) expect(checkEvent(event)).toMatchObject({ ok: true })
    expect(outcome).toMatchObject({ type: "completed" })
    expect((outcome as { readonly result?: unknown }).result).not.toContain("none")
  })
  it("what fits no entry is thrown back at the call, and the run goes on", async () => {
    const huge = "x".repeat(300_000)
    const { outcome, result } = await testAgent(
      agentOf("a", async (run) => {
        const told: string[] = []
        for (const call of [
          () => run.status("s", { detail: huge }),
          () => run.state("d").set(huge),
          () => run.tool("t", huge, () => 1),
          () => run.source({ title: huge })
        ]) {
          await (async () => call())().catch((error: { fault?: { code: string } }) =>
            told.push(error.fault?.code ?? "none")
          )
        }
        return told
      }),
      { input }
    )
    expect(outcome).toEqual({ type: "completed", result: ["TOO_LARGE", "TOO_LARGE", "TOO_LARGE", "TOO_LARGE"] })
    expect(result).toHaveLength(4)
  })
})

describe("how a run ends", () => {
  it("an output that does not fit its schema is BAD_OUTPUT, naming the field", async () => {
    const agent = defineAgent({
      name: "a",
      input: z.object({}),
      output: z.object({ cited: z.array(z.number()) }),
      run: async () => ({ cited: ["x"] }) as never
    })
    expect((await testAgent(agent, { input })).outcome).toMatchObject({
      type: "failed",
      error: { code: "BAD_OUTPUT", path: "cited[0]" }
    })
  })
  it("the schema's output is the result: defaults and transforms apply, in and out", async () => {
    const agent = defineAgent({
      name: "a",
      input: z.object({ n: z.string().transform(Number) }),
      output: z.object({ twice: z.number(), unit: z.string().default("m") }),
      run: async (_, { n }) => ({ twice: n * 2 })
    })
    expect((await testAgent(agent, { input: { n: "21" } })).result).toEqual({ twice: 42, unit: "m" })
  })
  it("a result that is not JSON, or fits no entry, is failed and says why", async () => {
    expect(
      (
        await testAgent(
          agentOf("a", async () => ({ a: 1n })),
          { input }
        )
      ).outcome
    ).toMatchObject({ type: "failed", error: { code: "BAD_OUTPUT", path: "result.a" } })
    const { outcome } = await testAgent(
      agentOf("a", async (run) => {
        await run.text("said")
        return "x".repeat(300_000)
      }),
      { input }
    )
    expect(outcome).toMatchObject({ type: "failed", error: { code: "TOO_LARGE" } })
  })
  it("an AgentError is shown, another error is not", async () => {
    const shown = await testAgent(
      agentOf("a", () => Promise.reject(new AgentError("come back later", { retryable: true }))),
      { input }
    )
    expect(shown.outcome).toMatchObject({
      type: "failed",
      error: { code: "AGENT_FAILED", message: "come back later", retryable: true }
    })
    const hidden = await testAgent(
      agentOf("a", () => Promise.reject(new Error("password is hunter2"))),
      { input }
    )
    expect(hidden.outcome).toMatchObject({ type: "failed", error: { code: "AGENT_FAILED" } })
    expect(JSON.stringify(hidden.events)).not.toContain("hunter2")
    expect(hidden.result).toBeUndefined()
  })
  it("what is still open is closed, in the same entry", async () => {
    const { events } = await testAgent(
      agentOf("a", async (run) => {
        await run.text("half a sen")
        throw new Error("oops")
      }),
      { input }
    )
    expect(typesOf(events).slice(-2)).toEqual(["text.finished", "run.finished"])
  })
})

describe("calling another agent", () => {
  const child = defineAgent({
    name: "child",
    input: z.object({ n: z.number() }),
    output: z.object({ twice: z.number() }),
    run: async (run, { n }) => {
      await run.text("child's words")
      if (n < 0) throw new AgentError("negative", { retryable: true })
      return { twice: n * 2 }
    }
  })
  it("is a run with a parent, whose result comes back; it does not count as busy", async () => {
    const { events, result, text, view } = await testAgent(
      agentOf("a", async (run) => {
        const both = await Promise.all([run.call(child, { n: 1 }), run.call(child, { n: 2 })])
        await run.text("done")
        return both
      }),
      { input }
    )
    expect(result).toEqual([{ twice: 2 }, { twice: 4 }])
    expect(
      only(events, "run.accepted")
        .slice(1)
        .map(({ parent }) => parent?.run)
    ).toEqual([view.runs[0]?.id, view.runs[0]?.id])
    expect(new Set(view.runs.map(({ id }) => id)).size).toBe(3)
    expect(view.runs.every(({ state }) => state === "finished")).toBe(true)
    expect(text).toBe("done")
  })
  it("rejects with what the child said of its failure, and with what is wrong with its input", async () => {
    const { result } = await testAgent(
      agentOf("a", async (run) => {
        const failed = await run.call(child, { n: -1 }).catch((error: unknown) => error)
        const misfit = await run.call(child, { n: "x" } as never).catch((error: unknown) => error)
        expect(failed).toBeInstanceOf(AgentError)
        return [(failed as AgentError).message, (failed as AgentError).retryable, (misfit as AgentError).message]
      }),
      { input }
    )
    expect(result).toEqual(['"child" failed: negative', true, expect.stringMatching(/^"child" failed: n: /)])
  })
  it("a cancel of the parent reaches the child, also one that is just beginning", async () => {
    let childAborted = false
    const slow = agentOf("slow", async (run) => {
      await run.text("working")
      await new Promise<void>((resolve) => run.signal.addEventListener("abort", () => resolve()))
      childAborted = true
    })
    const { outcome, view } = await testAgent(
      agentOf("a", async (run) => run.call(slow, {})),
      { input, interruptAt: (event) => (event.type === "text.delta" ? { kind: "cancel" } : undefined) }
    )
    expect(outcome.type).toBe("cancelled")
    expect(childAborted).toBe(true)
    expect(view.runs.map(({ state }) => state)).toEqual(["finished", "finished"])
    const early = await testAgent(
      agentOf("b", async (run) => {
        await new Promise<void>((resolve) => run.signal.addEventListener("abort", () => resolve()))
        return run.call(slow, {})
      }),
      {
        input,
        interruptAt: (event) => (event.type === "run.started" ? { kind: "cancel", graceMillis: 2_000 } : undefined)
      }
    )
    expect(early.outcome.type).toBe("cancelled")
    expect(early.view.runs.every(({ state }) => state === "finished")).toBe(true)
  })
})
