import { streamText, stepCountIs, tool } from "ai"
import type { TextStreamPart, ToolSet } from "ai"
import { MockLanguageModelV4, simulateReadableStream } from "ai/test"
import { describe, expect, it } from "vitest"
import { z } from "zod"
import { aiSdk, aiSdkWith } from "../../../../adapters/frameworks/ai-sdk/adapter.ts"
import { recorder } from "./recorder.ts"

type ModelStream = Awaited<ReturnType<MockLanguageModelV4["doStream"]>>
type ModelPart = ModelStream["stream"] extends ReadableStream<infer P> ? P : never

const finish = (unified: "stop" | "tool-calls" = "stop"): ModelPart => ({
  type: "finish",
  finishReason: { unified, raw: unified },
  usage: {
    inputTokens: { total: 10, noCache: 4, cacheRead: 6, cacheWrite: 0 },
    outputTokens: { total: 5, text: 3, reasoning: 2 }
  }
})
const text = (id: string, ...deltas: string[]): ModelPart[] => [
  { type: "text-start", id },
  ...deltas.map((delta): ModelPart => ({ type: "text-delta", id, delta })),
  { type: "text-end", id }
]
/** A model that streams these parts, one list per call. */
const model = (...calls: ModelPart[][]) =>
  new MockLanguageModelV4({
    doStream: calls.map((chunks) => ({
      stream: simulateReadableStream({ chunks, initialDelayInMs: null, chunkDelayInMs: null })
    }))
  })
const search = (execute: (input: { query: string }) => unknown) =>
  tool({ description: "search", inputSchema: z.object({ query: z.string() }), execute })
const call = (id: string, input = '{"query":"gaps"}'): ModelPart[] => [
  { type: "tool-input-start", id, toolName: "search" },
  { type: "tool-input-delta", id, delta: input.slice(0, 5) },
  { type: "tool-input-delta", id, delta: input.slice(5) },
  { type: "tool-input-end", id },
  { type: "tool-call", toolCallId: id, toolName: "search", input }
]
const quiet = { prompt: "q", onError: () => {} } as const

describe("aiSdk", () => {
  it("says text as it streams, and answers with text, reason and usage", async () => {
    const { run, types, of, usage } = recorder()
    const result = await aiSdk(
      streamText({ model: model([...text("txt-0", "Hel", "lo"), finish()]), ...quiet }).fullStream,
      run
    )
    expect(types()).toEqual([
      "step.started",
      "text.started",
      "text.delta",
      "text.delta",
      "text.finished",
      "step.finished"
    ])
    expect(of("text.delta").map((event) => event.text)).toEqual(["Hel", "lo"])
    expect(of("text.started")[0]).toMatchObject({ message: "answer", step: of("step.started")[0]!.step })
    expect(result).toMatchObject({ text: "Hello", finishReason: "stop", usage: { inputTokens: 10, outputTokens: 5 } })
    expect(usage).toEqual([
      expect.objectContaining({ input: 10, output: 5, total: 15, reasoning: 2, cachedInput: 6, cacheWrite: 0 })
    ])
  })

  it("runs a tool over two steps, with parts of the same id kept apart", async () => {
    const { run, types, of } = recorder()
    const stream = streamText({
      model: model([...text("0", "Looking."), ...call("c1"), finish("tool-calls")], [...text("0", "Found."), finish()]),
      tools: { search: search(({ query }) => ({ hits: [query], at: new Date(0), none: undefined })) },
      stopWhen: stepCountIs(3),
      ...quiet
    })
    const result = await aiSdk(stream.fullStream, run)
    expect(types()).toEqual([
      ...[
        "step.started",
        "text.started",
        "text.delta",
        "text.finished",
        "tool.started",
        "tool.delta",
        "tool.delta",
        "tool.called",
        "tool.finished",
        "step.finished"
      ],
      ...["step.started", "text.started", "text.delta", "text.finished", "step.finished"]
    ])
    const [first, second] = of("text.started")
    expect(first!.part).not.toBe(second!.part)
    expect(of("text.delta").map((event) => event.part)).toEqual([first!.part, second!.part])
    expect(of("tool.called")[0]).toMatchObject({ call: "c1", input: { query: "gaps" } })
    // What is not JSON goes out as JSON.stringify would send it.
    expect(of("tool.finished")[0]!.outcome).toEqual({
      type: "ok",
      output: { hits: ["gaps"], at: "1970-01-01T00:00:00.000Z" }
    })
    expect(result).toMatchObject({ text: "Looking.Found.", finishReason: "stop" })
  })

  it("keeps calls apart whose model uses an id twice", async () => {
    const { run, of } = recorder()
    const stream = streamText({
      model: model(
        [...call("call_0"), finish("tool-calls")],
        [...call("call_0"), finish("tool-calls")],
        [...text("0", "Done."), finish()]
      ),
      tools: { search: search(() => "hit") },
      stopWhen: stepCountIs(5),
      ...quiet
    })
    await aiSdk(stream.fullStream, run)
    const calls = of("tool.started").map((event) => event.call)
    expect(new Set(calls).size).toBe(2)
    expect(of("tool.finished").map((event) => event.call)).toEqual(calls)
  })

  it("says what a tool shows before it is done as progress", async () => {
    const { run, of } = recorder()
    const stream = streamText({
      model: model([...call("c1"), finish("tool-calls")]),
      tools: {
        search: search(async function* () {
          yield { done: 1 }
          yield { done: 2 }
        } as never)
      },
      ...quiet
    })
    await aiSdk(stream.fullStream, run)
    expect(of("tool.progress").map((event) => event.output)).toEqual([{ done: 1 }, { done: 2 }])
    expect(of("tool.finished").map((event) => event.outcome)).toEqual([{ type: "ok", output: { done: 2 } }])
  })

  it("says that a tool failed, once, without the stack", async () => {
    const { run, of } = recorder()
    const stream = streamText({
      model: model([...call("c1"), finish("tool-calls")]),
      tools: {
        search: search(() => {
          throw new Error("no such folder")
        })
      },
      ...quiet
    })
    await aiSdk(stream.fullStream, run)
    expect(of("tool.finished").map((event) => event.outcome)).toEqual([
      { type: "failed", error: { code: "AGENT_FAILED", message: "no such folder", retryable: false } }
    ])
  })

  it("says that a model called a tool wrongly, once", async () => {
    const { run, of } = recorder()
    const stream = streamText({
      model: model([...call("c1", '{"query":7}'), finish("tool-calls")]),
      tools: { search: search(() => "never") },
      ...quiet
    })
    await aiSdk(stream.fullStream, run)
    expect(of("tool.called")).toEqual([])
    expect(of("tool.finished")).toHaveLength(1)
    expect(of("tool.finished")[0]!.outcome).toMatchObject({ type: "invalid", input: { query: 7 } })
  })

  it("says reasoning, sources and files, and nothing of the provider's metadata", async () => {
    const { run, of, events } = recorder()
    const stream = streamText({
      model: model([
        { type: "reasoning-start", id: "r", providerMetadata: { openai: { reasoningEncryptedContent: "SECRET" } } },
        { type: "reasoning-delta", id: "r", delta: "First…" },
        { type: "reasoning-end", id: "r" },
        {
          type: "source",
          sourceType: "url",
          id: "s1",
          url: "https://docs.example/a",
          title: "A",
          providerMetadata: { x: { key: "SECRET" } }
        },
        { type: "source", sourceType: "document", id: "s2", mediaType: "text/markdown", title: "B", filename: "b.md" },
        { type: "file", mediaType: "image/png", data: { type: "data", data: "aGk=" } },
        { type: "text-start", id: "0" },
        { type: "text-delta", id: "0", delta: "See A." },
        {
          type: "text-end",
          id: "0",
          citations: [
            {
              source: { type: "source", sourceType: "url", id: "s3", url: "https://docs.example/c" },
              startIndex: 4,
              endIndex: 5,
              citedText: "A"
            }
          ]
        },
        finish()
      ]),
      ...quiet
    })
    await aiSdk(stream.fullStream, run)
    expect(of("reasoning.started")[0]).toMatchObject({ visible: "summary" })
    expect(of("reasoning.delta")[0]).toMatchObject({ text: "First…" })
    expect(of("source.cited").map(({ source, title, url, name }) => ({ source, title, url, name }))).toEqual([
      { source: "s1", title: "A", url: "https://docs.example/a", name: undefined },
      { source: "s2", title: "B", url: undefined, name: "b.md" },
      { source: "s3", title: undefined, url: "https://docs.example/c", name: undefined }
    ])
    expect(of("file.added")[0]).toMatchObject({ url: "data:image/png;base64,aGk=", mediaType: "image/png" })
    expect(of("text.finished")[0]!.citations).toEqual([{ source: "s3", start: 4, end: 5, quote: "A" }])
    expect(JSON.stringify(events)).not.toContain("SECRET")
  })

  it("stores files where it is told to", async () => {
    const { run, of } = recorder()
    const stream = streamText({
      model: model([{ type: "file", mediaType: "image/png", data: { type: "data", data: "aGk=" } }, finish()]),
      ...quiet
    })
    await aiSdkWith({ upload: async ({ bytes, mediaType }) => `https://files.example/${bytes.length}?${mediaType}` })(
      stream.fullStream,
      run
    )
    expect(of("file.added")[0]).toMatchObject({ url: "https://files.example/2?image/png" })
  })

  it("rejects with the model's own error, and leaves nothing open", async () => {
    const { run, types, of } = recorder()
    const error = new Error("overloaded")
    const stream = streamText({
      model: model([
        { type: "text-start", id: "0" },
        { type: "text-delta", id: "0", delta: "Hel" },
        { type: "error", error }
      ]),
      ...quiet
    })
    await expect(aiSdk(stream.fullStream, run)).rejects.toBe(error)
    expect(types()).toEqual(["step.started", "text.started", "text.delta", "text.finished", "step.finished"])
    expect(of("step.finished")[0]).toMatchObject({ outcome: "failed", reason: "error" })
  })

  it("stops when the run is cancelled while the model is silent, and ends what is open", async () => {
    const silent = new ReadableStream<ModelPart>({
      start: (controller) => {
        for (const part of [
          { type: "text-start", id: "0" },
          { type: "text-delta", id: "0", delta: "Hel" }
        ] as const)
          controller.enqueue(part)
      }
    })
    const reason = new Error("cancelled by ada")
    const { run, controller, types, of } = recorder({
      onEvent: (event) => event.type === "text.delta" && controller.abort(reason)
    })
    const stream = streamText({
      model: new MockLanguageModelV4({ doStream: { stream: silent } }),
      abortSignal: controller.signal,
      ...quiet
    })
    await expect(aiSdk(stream.fullStream, run)).rejects.toBe(reason)
    expect(types().slice(-2)).toEqual(["text.finished", "step.finished"])
    expect(of("step.finished")[0]).toMatchObject({ outcome: "failed", reason: "interrupted" })
  })

  it("says nothing of a stream whose run is over before it began", async () => {
    const { run, controller, events } = recorder()
    controller.abort(new Error("over"))
    await expect(
      aiSdk(streamText({ model: model([...text("0", "x"), finish()]), ...quiet }).fullStream, run)
    ).rejects.toThrow("over")
    expect(events).toEqual([])
  })

  it("waits for the run: a part is not read before the one before it was taken", async () => {
    let pulled = 0
    const parts: TextStreamPart<ToolSet>[] = [
      { type: "text-start", id: "0" },
      ...["a", "b", "c"].map((delta) => ({ type: "text-delta", id: "0", text: delta }) as const)
    ]
    const stream = (async function* () {
      for (const part of parts) {
        pulled += 1
        yield part
      }
    })()
    const { run } = recorder()
    const taken: (() => void)[] = []
    const done = aiSdk(stream, { ...run, raw: () => new Promise<void>((resolve) => taken.push(resolve)) })
    while (taken.length === 0) await new Promise((resolve) => setImmediate(resolve))
    expect(pulled).toBe(1)
    for (let index = 0; index < parts.length; index += 1) {
      while (taken.length <= index) await new Promise((resolve) => setImmediate(resolve))
      taken[index]!()
    }
    expect((await done).text).toBe("abc")
  })
})
