import { describe, expect, it } from "vitest"
import * as z from "zod"
import { defineAgent } from "../../src/agent/defineAgent.ts"
import { AgentError } from "../../src/agent/RunAborted.ts"
import type { KnownEvent } from "../../src/protocol/Event.ts"
import { testAgent } from "../../src/testing/testAgent.ts"
import { agentOf, typesOf } from "./world.ts"

const only = <T extends KnownEvent["type"]>(events: readonly KnownEvent[], type: T) =>
  events.filter((event): event is Extract<KnownEvent, { readonly type: T }> => event.type === type)
const input = {}

describe("what a run says", () => {
  it("status: the newest is shown with what goes with it", async () => {
    const { events, view } = await testAgent(
      agentOf("a", async (run) => {
        run.status("Searching", { detail: "in the manual", fraction: 0.5, level: "warning" })
        run.status("Writing")
      }),
      { input }
    )
    expect(only(events, "run.status").map(({ label }) => label)).toEqual(["Searching", "Writing"])
    expect(only(events, "run.status")[0]).toMatchObject({ detail: "in the manual", fraction: 0.5, level: "warning" })
    expect(view.runs[0]).toMatchObject({ label: "Writing" })
    expect(view.runs[0]).not.toHaveProperty("detail")
  })
  it("text: one part until a tool, a step or reasoning comes between; a status, a file or a source does not end it", async () => {
    const { text, view } = await testAgent(
      agentOf("a", async (run) => {
        await run.text("a")
        run.status("still")
        run.source({ url: "https://example.com" })
        run.file({ url: "https://example.com/f", mediaType: "text/plain" })
        await run.text("b")
        await run.reasoning("because")
        await run.text("c")
        await run.tool("t", {}, () => 1)
        await run.text("d")
        await run.step("s", () => run.text("e"))
        await run.text("")
        await run.text("f")
      }),
      { input }
    )
    expect(text).toBe("abcdef")
    const parts = view.messages[0]!.parts
    expect(parts.map((part) => ("text" in part ? `${part.type} ${part.text}` : part.type))).toEqual([
      "text ab",
      "source",
      "file",
      "reasoning because",
      "text c",
      "tool",
      "text d",
      "text e",
      "text f"
    ])
    for (const part of parts) if (part.type === "text") expect(part.state).toBe("done")
  })
  it("text: a very long delta is cut, citations go with the part's end, and surrogate pairs come out whole", async () => {
    const long = "🙂".repeat(30_001)
    const { events, text } = await testAgent(
      agentOf("a", async (run) => {
        await run.text(`x${long}`, { citations: [{ source: "s1" }] })
        await run.text("!", { citations: [{ source: "s2" }] })
      }),
      { input }
    )
    expect(text).toBe(`x${long}!`)
    expect(only(events, "text.finished")[0]?.citations).toEqual([{ source: "s1" }, { source: "s2" }])
  })
  it("reasoning: visible as it is told to be", async () => {
    const { events } = await testAgent(
      agentOf("a", async (run) => {
        await run.reasoning("hm", { visible: "summary" })
        await run.reasoning(", right")
      }),
      { input }
    )
    expect(only(events, "reasoning.started").map(({ visible }) => visible)).toEqual(["summary"])
    expect(
      only(events, "reasoning.delta")
        .map(({ text }) => text)
        .join("")
    ).toBe("hm, right")
  })
  it("steps nest, and what is said inside of one names it", async () => {
    const { events, result, view } = await testAgent(
      agentOf("a", (run) =>
        run.step("outer", async () => {
          await run.text("in outer")
          const inner = await run.step("inner", async () => {
            await run.text("in inner")
            await run.tool("t", {}, () => 1)
            return "inner's"
          })
          return `outer's and ${inner}`
        })
      ),
      { input }
    )
    expect(result).toBe("outer's and inner's")
    const [outer, inner] = only(events, "step.started")
    expect(inner?.parent).toBe(outer?.step)
    expect(only(events, "text.started").map(({ step }) => step)).toEqual([outer?.step, inner?.step])
    expect(only(events, "tool.started")[0]?.step).toBe(inner?.step)
    expect(view.runs[0]?.steps.map(({ name, state }) => [name, state])).toEqual([
      ["outer", "completed"],
      ["inner", "completed"]
    ])
  })
  it("a step that throws is failed, and throws on", async () => {
    const { outcome, view } = await testAgent(
      agentOf("a", (run) =>
        run.step("s", () => {
          throw new AgentError("no luck")
        })
      ),
      { input }
    )
    expect(view.runs[0]?.steps).toMatchObject([{ state: "failed" }])
    expect(outcome).toMatchObject({ type: "failed", error: { message: "no luck" } })
  })
  it("tool: progress, title, what is shown of the result, and a key that is the call's own", async () => {
    const keys: string[] = []
    const { events, result, view } = await testAgent(
      agentOf("a", async (run) => {
        const get = () =>
          run.tool(
            "search",
            { q: "x" },
            (args, context) => {
              keys.push(context.key)
              context.progress({ label: "half", fraction: 0.5, output: [1] })
              context.progress({ append: "a" })
              context.progress({ append: "b" })
              return { q: args.q, secret: "hunter2" }
            },
            { title: "Search", show: ({ q }) => ({ q }) }
          )
        return [await get(), await get()]
      }),
      { input }
    )
    expect(result).toEqual([
      { q: "x", secret: "hunter2" },
      { q: "x", secret: "hunter2" }
    ])
    expect(new Set(keys).size).toBe(2)
    expect(JSON.stringify(only(events, "tool.finished"))).not.toContain("hunter2")
    expect(
      only(events, "tool.progress")
        .map(({ append }) => append ?? "")
        .join("")
    ).toBe("abab")
    const part = view.messages[0]!.parts[0]!
    expect(part).toMatchObject({
      type: "tool",
      name: "search",
      title: "Search",
      input: { q: "x" },
      label: "half",
      outcome: { type: "ok", output: { q: "x" } }
    })
    expect(typesOf(events).indexOf("tool.called")).toBeLessThan(typesOf(events).indexOf("tool.progress"))
  })
  it("tool: an AgentError is shown, any other error is not; both reach the caller as they were", async () => {
    const secret = new Error("password is hunter2")
    const caught: unknown[] = []
    const { events } = await testAgent(
      agentOf("a", async (run) => {
        for (const error of [new AgentError("the index is gone", { retryable: true }), secret]) {
          await run.tool("t", {}, () => Promise.reject(error)).catch((thrown: unknown) => caught.push(thrown))
        }
      }),
      { input }
    )
    expect(caught[1]).toBe(secret)
    expect(only(events, "tool.finished").map(({ outcome }) => outcome)).toMatchObject([
      { type: "failed", error: { code: "AGENT_FAILED", message: "the index is gone", retryable: true } },
      { type: "failed", error: { code: "AGENT_FAILED", message: 'the tool "t" failed' } }
    ])
    expect(JSON.stringify(events)).not.toContain("hunter2")
  })
  it("tool: a result too large to show or to record fails the call by name, and `show` helps", async () => {
    const messages: string[] = []
    const large = "x".repeat(200_000)
    const { outcome, result } = await testAgent(
      agentOf("a", async (run) => {
        await run.tool("big", {}, () => large).catch((error: Error) => messages.push(error.message))
        await run
          .tool("huge", {}, () => large.repeat(4), { show: () => 0 })
          .catch((error: Error) => messages.push(error.message))
        return (await run.tool("shown", {}, () => large, { show: (all) => all.length })).length
      }),
      { input }
    )
    expect(outcome.type).toBe("completed")
    expect(result).toBe(200_000)
    expect(messages[0]).toMatch(/output of "big".*show/)
    expect(messages[1]).toMatch(/result of "huge".*reference/)
  })
  it("tool: a key used twice is a mistake that is told, not an endless wait", async () => {
    const { outcome } = await testAgent(
      agentOf("a", async (run) => {
        await run.tool("pay", { n: 1 }, () => 1, { key: "order 7" })
        return run.tool("pay", { n: 1 }, () => 1, { key: "order 7" }).catch((error: Error) => error.message)
      }),
      { input }
    )
    expect(outcome).toMatchObject({
      type: "completed",
      result: 'tool "pay": the key "order 7" was used before in this run'
    })
  })
  it("tools that run side by side with large results all end", async () => {
    const { events, result } = await testAgent(
      agentOf("a", async (run) => {
        const sizes = await Promise.all(
          Array.from({ length: 12 }, (_, n) => run.tool(`t${n}`, {}, () => "y".repeat(40_000)))
        )
        return sizes.length
      }),
      { input }
    )
    expect(result).toBe(12)
    expect(only(events, "tool.finished").filter(({ outcome }) => outcome.type === "ok")).toHaveLength(12)
  })
  it("source and file: their ids come back, and the view has them", async () => {
    const { result, view } = await testAgent(
      agentOf("a", async (run) => [
        run.source({ id: "s", title: "Manual", url: "https://example.com/m" }),
        run.file({
          url: "https://example.com/f.csv",
          mediaType: "text/csv",
          name: "f.csv",
          bytes: 10,
          sha256: "ab".repeat(32)
        })
      ]),
      { input }
    )
    expect(view.messages[0]?.parts).toMatchObject([
      { type: "source", id: "s", title: "Manual" },
      { type: "file", id: (result as string[])[1], name: "f.csv", mediaType: "text/csv" }
    ])
  })
  it("emit: checked against the agent's schema at the call, an id updates in place", async () => {
    const errors: unknown[] = []
    const agent = defineAgent({
      name: "a",
      input: z.object({}),
      events: { chart: z.object({ points: z.array(z.number()) }) },
      run: async (run) => {
        run.emit("chart", { points: [1] }, { id: "c" })
        run.emit("chart", { points: [1, 2] }, { id: "c" })
        try {
          run.emit("chart", { points: ["x"] } as never)
        } catch (error) {
          errors.push((error as { fault: unknown }).fault)
        }
        expect(() => run.emit("nothing" as never, 1 as never)).toThrow('declares no event "nothing"')
      }
    })
    const { events, outcome } = await testAgent(agent, { input })
    expect(outcome.type).toBe("completed")
    expect(only(events, "custom").map(({ value }) => value)).toEqual([{ points: [1] }, { points: [1, 2] }])
    expect(errors).toMatchObject([{ code: "BAD_SHAPE", path: "points[0]" }])
  })
  it("state: set, patched, read back; a patch that does not apply changes nothing", async () => {
    const seen: unknown[] = []
    const { view } = await testAgent(
      agentOf("a", async (run) => {
        const plan = run.state("plan")
        seen.push(await plan.get())
        plan.set({ steps: ["one"] })
        await plan.patch([{ op: "add", path: "/steps/-", value: "two" }])
        await plan
          .patch([{ op: "remove", path: "/nowhere" }])
          .catch((error: { fault: { code: string } }) => seen.push(error.fault.code))
        seen.push(await plan.get())
        run.state().set(7)
      }),
      { input }
    )
    expect(seen).toEqual([null, "BAD_PATCH", { steps: ["one", "two"] }])
    expect(view.state).toMatchObject({ plan: { steps: ["one", "two"] }, state: 7 })
  })
  it("usage: goes with the end of the run", async () => {
    const { events } = await testAgent(
      agentOf("a", async (run) => {
        run.usage({ model: "m", input: 10, output: 5 })
        run.usage({ model: "m", input: 1, output: 1 })
      }),
      { input }
    )
    expect(only(events, "run.finished")[0]?.usage).toMatchObject([{ input: 10 }, { input: 1 }])
  })
  it("raw: events as adapters say them; what is no event is thrown at the call", async () => {
    const { events, outcome } = await testAgent(
      agentOf("a", async (run) => {
        await run.raw({ type: "text.started", message: run.message, part: "p" })
        await run.raw({ type: "text.delta", part: "p", text: "raw" })
        await run.raw({ type: "text.finished", part: "p" })
        expect(() => void run.raw({ type: "text.delta", part: 7 as never, text: "raw" })).toThrow(/part/)
      }),
      { input }
    )
    expect(outcome.type).toBe("completed")
    expect(only(events, "text.delta").map(({ text }) => text)).toEqual(["raw"])
  })
  it("pipe: with the adapter it is given or the agent's own, and says what is missing", async () => {
    const adapter = async (
      stream: AsyncIterable<string>,
      run: { readonly raw: (event: never) => Promise<void>; readonly status: (label: string) => void }
    ) => {
      let count = 0
      for await (const part of stream) {
        run.status(part)
        count++
      }
      return count
    }
    const parts = async function* () {
      yield "one"
      yield "two"
    }
    const { events, result } = await testAgent(
      agentOf("a", async (run) => [
        await run.pipe(parts(), adapter as never),
        await run.pipe(parts()).catch((error: Error) => error.message)
      ]),
      { input }
    )
    expect(result).toEqual([2, expect.stringContaining("pass an adapter")])
    expect(only(events, "run.status").map(({ label }) => label)).toEqual(["one", "two"])
  })
})
