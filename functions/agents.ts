/**
 * The agents of this app: put yours here.
 *
 * `summarise` is a small real one that needs no model: it picks the sentences of a text whose words occur most.
 */
import type { StandardSchemaV1 } from "@standard-schema/spec"
import { defineAgent } from "throughline"

interface SummariseInput {
  readonly text: string
  readonly sentences: number
}
/** Any Standard Schema will do; this one is written out so that the app needs no library for it. */
const input: StandardSchemaV1<{ readonly text: string; readonly sentences?: number }, SummariseInput> = {
  "~standard": {
    version: 1,
    vendor: "throughline-functions",
    validate: (value) => {
      const { sentences = 3, text } = (value ?? {}) as Partial<SummariseInput>
      if (typeof text !== "string" || text === "") return { issues: [{ message: "must be a text", path: ["text"] }] }
      if (!Number.isInteger(sentences) || sentences < 1 || sentences > 100) {
        return { issues: [{ message: "must be an integer from 1 to 100", path: ["sentences"] }] }
      }
      return { value: { text, sentences } }
    }
  }
}

const summarise = defineAgent({
  name: "summarise",
  input,
  onWorkerLost: "retry",
  run: async (run, { sentences, text }) => {
    run.status("Reading…")
    const chosen = await run.tool("rank", { text, sentences }, (asked) => rank(asked.text, asked.sentences), {
      idempotent: true
    })
    run.status("Writing…")
    for (const sentence of chosen) await run.text(`${sentence} `)
  }
})
const WORD = /\p{L}{4,}/gu

const rank = (text: string, count: number): string[] => {
  const sentences =
    text
      .match(/[^.!?]+[.!?]*/g)
      ?.map((sentence) => sentence.trim())
      .filter((sentence) => sentence !== "") ?? []
  const frequency = new Map<string, number>()
  for (const [word] of text.toLowerCase().matchAll(WORD)) frequency.set(word, (frequency.get(word) ?? 0) + 1)
  const scored = sentences.map((sentence, at) => {
    const words = [...sentence.toLowerCase().matchAll(WORD)]
    const total = words.reduce((sum, [word]) => sum + (frequency.get(word) ?? 0), 0)
    return { sentence, at, score: words.length === 0 ? 0 : total / words.length }
  })
  return scored
    .toSorted((a, b) => b.score - a.score)
    .slice(0, count)
    .toSorted((a, b) => a.at - b.at)
    .map(({ sentence }) => sentence)
}

export const agents = [summarise] as const
