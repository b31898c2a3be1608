/**
 * Agents that are busy until somebody stops them, and the moment at which each was told. The server process of the
 * cancel part knows them by name; its worker executes them.
 */
import { defineAgent } from "throughline"
import * as z from "zod"
import { clock } from "../workload.ts"

const TOKENS_PER_SECOND = 200
const input = z.object({ run: z.number() })
const abortedAt = new Map<number, number>()
const waiting = new Map<number, () => void>()
const said = new Map<number, { tokens: number; readonly begun: number }>()

export const aborted = (signal: AbortSignal, run: number) =>
  new Promise<void>((resolve) => {
    const end = () => {
      abortedAt.set(run, clock())
      waiting.get(run)?.()
      resolve()
    }
    if (signal.aborted) end()
    else signal.addEventListener("abort", end)
  })
/** Talks at its pace until it is stopped; what a late timer left out follows at once. */
export const streamer = defineAgent({
  name: "streamer",
  input,
  run: async (run, { run: number }) => {
    const progress = { tokens: 0, begun: clock() }
    said.set(number, progress)
    const talking = setInterval(() => {
      const due = ((clock() - progress.begun) / 1_000) * TOKENS_PER_SECOND
      for (; progress.tokens < due; progress.tokens++) void run.text(" and")
    }, 2)
    await aborted(run.signal, number)
    clearInterval(talking)
  }
})
/** Is inside a tool for a minute and says nothing. */
export const toiler = defineAgent({
  name: "toiler",
  input,
  run: async (run, { run: number }) => {
    await run.tool("toil", {}, async (_, { signal }) => {
      const minute = setTimeout(() => {}, 60_000)
      await aborted(signal, number)
      clearTimeout(minute)
    })
  }
})

/** When the run's signal fired, and how many tokens a second it had said by then; 0 for who says nothing. */
export const stoppedAt = async (run: number) => {
  if (!abortedAt.has(run)) await new Promise<void>((resolve) => waiting.set(run, resolve))
  const at = abortedAt.get(run) ?? Number.NaN
  const progress = said.get(run)
  return { at, tokensPerSecond: progress ? (1_000 * progress.tokens) / (at - progress.begun) : 0 }
}
