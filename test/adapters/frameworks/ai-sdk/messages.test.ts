import { generateText, jsonSchema, tool } from "ai"
import { MockLanguageModelV4 } from "ai/test"
import { describe, expect, it } from "vitest"
import { toModelMessages } from "../../../../adapters/frameworks/ai-sdk/messages.ts"
import type { HistoryMessage } from "../../../../src/agent/Run.ts"

const at = "2026-11-22T10:00:00.000Z"
const history: readonly HistoryMessage[] = [
  { id: "m0", role: "system", parts: [{ type: "text", text: "Be brief." }], at },
  {
    id: "m1",
    role: "user",
    parts: [
      { type: "text", text: "Hello" },
      { type: "file", url: "data:text/plain;base64,aGk=", mediaType: "text/plain", name: "a.txt" },
      { type: "data", name: "page", value: 3 }
    ],
    at
  },
  {
    id: "m2",
    role: "assistant",
    parts: [
      { type: "reasoning", text: "hidden" },
      { type: "text", text: "Looking." },
      { type: "tool", call: "c1", name: "search", input: { q: 1 }, outcome: { type: "ok", output: { hits: 2 } } },
      { type: "tool", call: "c2", name: "search", input: { q: 2 }, outcome: { type: "denied", reason: "no" } },
      { type: "text", text: "Found." }
    ],
    at
  },
  { id: "m3", role: "assistant", parts: [{ type: "reasoning", text: "only this" }], at },
  { id: "m4", role: "user", parts: [{ type: "text", text: "Thanks" }], at }
]

describe("toModelMessages", () => {
  it("puts each result behind its calls, and leaves reasoning out", () => {
    expect(toModelMessages(history)).toEqual([
      { role: "system", content: "Be brief." },
      {
        role: "user",
        content: [
          { type: "text", text: "Hello" },
          { type: "file", data: "aGk=", mediaType: "text/plain", filename: "a.txt" },
          { type: "text", text: "page: 3" }
        ]
      },
      {
        role: "assistant",
        content: [
          { type: "text", text: "Looking." },
          { type: "tool-call", toolCallId: "c1", toolName: "search", input: { q: 1 } },
          { type: "tool-call", toolCallId: "c2", toolName: "search", input: { q: 2 } }
        ]
      },
      {
        role: "tool",
        content: [
          { type: "tool-result", toolCallId: "c1", toolName: "search", output: { type: "json", value: { hits: 2 } } },
          {
            type: "tool-result",
            toolCallId: "c2",
            toolName: "search",
            output: { type: "execution-denied", reason: "no" }
          }
        ]
      },
      { role: "assistant", content: [{ type: "text", text: "Found." }] },
      { role: "user", content: [{ type: "text", text: "Thanks" }] }
    ])
  })

  it("says of every other outcome what a model can use", () => {
    const outputs = [
      { type: "failed", error: { code: "X", message: "no such folder", retryable: false } },
      { type: "invalid", input: 1, error: { code: "X", message: "bad input", retryable: false } },
      { type: "cancelled" },
      { type: "unknown", key: "k" },
      { type: "ok", parts: [{ type: "text", text: "shown" }] },
      { type: "ok" }
    ] as const
    const messages = toModelMessages([
      {
        id: "m",
        role: "assistant",
        at,
        parts: outputs.map((outcome, index) => ({ type: "tool", call: `c${index}`, name: "t", input: {}, outcome }))
      }
    ])
    expect((messages[1]!.content as { output: unknown }[]).map(({ output }) => output)).toEqual([
      { type: "error-text", value: "no such folder" },
      { type: "error-text", value: "bad input" },
      { type: "error-text", value: "The call was cancelled." },
      { type: "error-text", value: "Whether the call took effect is not known." },
      { type: "text", value: "shown" },
      { type: "json", value: null }
    ])
  })

  it("makes messages that the SDK takes", async () => {
    const model = new MockLanguageModelV4({
      doGenerate: {
        content: [{ type: "text", text: "ok" }],
        finishReason: { unified: "stop", raw: "stop" },
        usage: {
          inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
          outputTokens: { total: 1, text: 1, reasoning: 0 }
        },
        warnings: []
      }
    })
    const search = tool({ inputSchema: jsonSchema({ type: "object" }), execute: () => "hit" })
    const [system, ...messages] = toModelMessages(history)
    await generateText({ model, tools: { search }, system: system!.content as string, messages })
    expect(model.doGenerateCalls[0]!.prompt.map(({ role }) => role)).toEqual([
      "system",
      "user",
      "assistant",
      "tool",
      "assistant",
      "user"
    ])
  })
})
