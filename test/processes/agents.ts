/**
 * The agents that the processes of these tests work with: they stream, call tools with side effects outside, are
 * retried or not, and stop when they are told to.
 *
 * Each line of the file `effects` is a side effect that happened, or a result that an agent was given: what the
 * log must know of, whatever was killed since. Only public entry points, so that they run on an older release too.
 */
import { appendFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import { defineAgent, OutcomeUnknown, type Run } from "throughline"
import { z } from "zod"

/** `ran`: the tool's code ran. `got`: the agent was given its result. */
export interface Effect {
  readonly what: "ran" | "got"
  readonly run: string
  readonly thread: string
  readonly epoch: number
  readonly key: string
  readonly call: string
  readonly idempotent: boolean
}
const input = z.object({
  /** How long one step of the work takes. */
  stepMillis: z.number(),
  /** How many there are. */
  steps: z.number()
})
type Work = z.infer<typeof input>

export const makeAgents = (effects: string) => {
  const note = (run: Run, told: Pick<Effect, "what" | "key" | "call" | "idempotent">) => {
    const line: Effect = { ...told, run: run.id, thread: run.thread, epoch: run.epoch }
    appendFileSync(effects, `${JSON.stringify(line)}\n`)
  }
  const wait = (run: Run, millis: number) => sleep(millis, undefined, { signal: run.signal })
  const write = async (run: Run, { stepMillis, steps }: Work) => {
    for (let step = 0; step < steps; step++) {
      await run.text(`${step} `)
      await wait(run, stepMillis)
    }
  }
  const book = async (run: Run, { stepMillis, steps }: Work, idempotent: boolean) => {
    for (let step = 0; step < steps; step++) {
      run.status(`Booking ${step}`)
      try {
        const booked = await run.tool(
          "book",
          { step },
          async (_, { call, key }) => {
            note(run, { what: "ran", key, call, idempotent })
            await wait(run, stepMillis)
            return { key, call }
          },
          { key: `${step}`, idempotent }
        )
        note(run, { what: "got", ...booked, idempotent })
      } catch (error) {
        if (!(error instanceof OutcomeUnknown)) throw error
        await run.text(`Whether ${step} was booked is not known. `)
      }
      await run.text(`${step} `)
    }
  }
  return [
    /** Streams text; what a dead worker was writing is lost with it. */
    defineAgent({ name: "writer", input, onBusy: "parallel", run: write }),
    /** As `writer`, begun again by another worker. */
    defineAgent({ name: "rewriter", input, onBusy: "parallel", onWorkerLost: "retry", run: write }),
    /** Its tool must not run twice. */
    defineAgent({
      name: "booker",
      input,
      onBusy: "parallel",
      onWorkerLost: "retry",
      run: (run, work) => book(run, work, false)
    }),
    /** Its tool may run twice: the service behind it knows the key. */
    defineAgent({
      name: "rebooker",
      input,
      onBusy: "parallel",
      onWorkerLost: "retry",
      run: (run, work) => book(run, work, true)
    }),
    /** Asks before it books; suspends while nobody answers, and goes on elsewhere. */
    defineAgent({
      name: "asker",
      input,
      onBusy: "parallel",
      onWorkerLost: "retry",
      holdFor: 100,
      run: async (run, { stepMillis }) => {
        const approval = await run.ask.approval({ tool: "book", input: { step: 0 }, prompt: "Book it?" })
        if (!approval.approved) return void (await run.text("Not booked. "))
        const booked = await run.tool(
          "book",
          approval.input,
          async (_, { call, key }) => {
            note(run, { what: "ran", key, call, idempotent: true })
            await wait(run, stepMillis)
            return { key, call }
          },
          { approval, idempotent: true }
        )
        note(run, { what: "got", ...booked, idempotent: true })
      }
    }),
    /** One after the other; says nothing between its words, and ends when a person stops it. */
    defineAgent({
      name: "waiter",
      input,
      onBusy: "queue",
      run: async (run, { stepMillis, steps }) => {
        await run.text("Waiting. ")
        await wait(run, stepMillis * steps).catch(() => {})
        const heard = run.signal.aborted ? [] : await run.steered()
        for (const { text } of heard) await run.text(`Heard: ${text}. `)
      }
    })
  ] as const
}
