import { MockLanguageModelV4, simulateReadableStream } from "ai/test"
import { describe, expect, it } from "vitest"
import { testAgent } from "throughline/testing"
import { createLibrarian } from "../../../examples/librarian/agent.ts"
import { openLibrary } from "../../../examples/librarian/library.ts"
import { answerWith, modelFromEnvironment } from "../../../examples/librarian/model.ts"
import { folderOf } from "./folder.ts"

type ModelStream = Awaited<ReturnType<MockLanguageModelV4["doStream"]>>
type ModelPart = ModelStream["stream"] extends ReadableStream<infer P> ? P : never

const finish = (unified: "stop" | "tool-calls"): ModelPart => ({
  type: "finish",
  finishReason: { unified, raw: unified },
  usage: {
    inputTokens: { total: 10, noCache: 10, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: 5, text: 5, reasoning: 0 }
  }
})
const call = (toolName: string, input: object): ModelPart[] => [
  { type: "tool-call", toolCallId: `${toolName}-1`, toolName, input: JSON.stringify(input) },
  finish("tool-calls")
]
const say = (text: string): ModelPart[] => [
  { type: "text-start", id: "t" },
  { type: "text-delta", id: "t", delta: text },
  { type: "text-end", id: "t" },
  finish("stop")
]
const modelOf = (...calls: ModelPart[][]) =>
  new MockLanguageModelV4({
    doStream: calls.map((chunks) => ({
      stream: simulateReadableStream({ chunks, initialDelayInMs: null, chunkDelayInMs: null })
    }))
  })

describe("the librarian with a model", () => {
  it("lets the model search and read, cites what it read, and counts its tokens", async () => {
    const library = await openLibrary(await folderOf({ "tea.md": "# Tea\n\nBrew it for four minutes.\n" }))
    const model = modelOf(
      call("search", { question: "tea", from: 0 }),
      call("read", { section: "tea.md#tea" }),
      say("Four minutes.")
    )
    const { events, outcome, text } = await testAgent(
      createLibrarian({ library, answerWithModel: answerWith(model) }),
      { input: { question: "How long?" } }
    )
    expect(outcome).toEqual({ type: "completed", result: { cited: 1, sections: 1 } })
    expect(text).toBe("Four minutes.")
    expect(events.flatMap((event) => (event.type === "tool.called" ? [event.input] : []))).toEqual([
      { question: "tea", from: 0 },
      { section: "tea.md#tea" }
    ])
    expect(events.find((event) => event.type === "source.cited")).toMatchObject({ url: "tea.md#tea" })
    expect(JSON.stringify(model.doStreamCalls[2]?.prompt)).toContain("Brew it for four minutes.")
    expect(events.find((event) => event.type === "run.finished")).toMatchObject({
      usage: expect.arrayContaining([expect.objectContaining({ input: 10, output: 5 })])
    })
  })
  it("hands the model what a person said meanwhile, before its next step", async () => {
    const library = await openLibrary(await folderOf({ "tea.md": "# Tea\n\nBrew it for four minutes.\n" }))
    const steered = Promise.withResolvers<void>()
    const first = simulateReadableStream({
      chunks: call("search", { question: "tea", from: 0 }),
      initialDelayInMs: null,
      chunkDelayInMs: null
    })
    const model = new MockLanguageModelV4({
      doStream: [
        { stream: first },
        { stream: simulateReadableStream({ chunks: say("Fine."), initialDelayInMs: null, chunkDelayInMs: null }) }
      ]
    })
    const agent = createLibrarian({
      library,
      answerWithModel: (run, books, asked) =>
        answerWith(model)(
          {
            ...run,
            steered: async () => {
              if (model.doStreamCalls.length === 0) return []
              await steered.promise
              return run.steered()
            }
          },
          books,
          asked
        )
    })
    const { view } = await testAgent(agent, {
      input: { question: "How long?" },
      interruptAt: (event) => {
        if (event.type === "interrupt.received") {
          steered.resolve()
          return undefined
        }
        return event.type === "tool.called"
          ? {
              kind: "steer",
              when: "next-step",
              message: { id: "m1", parts: [{ type: "text", text: "in seconds, please" }] }
            }
          : undefined
      }
    })
    expect(JSON.stringify(model.doStreamCalls[1]?.prompt)).toContain("in seconds, please")
    expect(view.runs[0]?.interrupts).toMatchObject([{ state: "applied" }])
  })
  it("fails with a sentence when the model does", async () => {
    const library = await openLibrary(await folderOf({ "tea.md": "# Tea\n\nBrew.\n" }))
    const model = modelOf([
      { type: "error", error: Object.assign(new Error("key sk-secret refused"), { statusCode: 401 }) }
    ])
    const { outcome } = await testAgent(createLibrarian({ library, answerWithModel: answerWith(model) }), {
      input: { question: "tea" }
    })
    expect(outcome).toMatchObject({
      type: "failed",
      error: { message: "The language model failed (it answered 401)." }
    })
  })
  it("is off without LIBRARIAN_MODEL, and says what is missing with it", async () => {
    expect(await modelFromEnvironment({})).toBeUndefined()
    await expect(modelFromEnvironment({ LIBRARIAN_MODEL: "gpt" })).rejects.toThrow("write it as provider/model")
    await expect(modelFromEnvironment({ LIBRARIAN_MODEL: "nobody/one" })).rejects.toThrow(
      "neither is @ai-sdk/nobody installed, nor AI_GATEWAY_API_KEY set"
    )
    expect(await modelFromEnvironment({ LIBRARIAN_MODEL: "nobody/one", AI_GATEWAY_API_KEY: "x" })).toBeTypeOf(
      "function"
    )
  })
})
