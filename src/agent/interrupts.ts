/**
 * What people want of a run, as its worker learns it from control: cancel aborts, steering is kept until asked for.
 *
 * Control names every interrupt that is accepted and not yet applied, so nothing is missed however often frames
 * are lost; the body of a steer is in its note.
 */
import * as Effect from "effect/Effect"
import type { Event, Id } from "../protocol/Event.ts"
import type { Json } from "../protocol/Json.ts"
import type { LogError } from "../ports/LogError.ts"
import type { ThreadKey, ThreadLogService } from "../ports/ThreadLog.ts"
import type { UserInterrupt } from "../protocol/UserInterrupt.ts"
import type { OpenRun } from "../thread/control.ts"
import type { Steering } from "./Run.ts"

/** What the note of an interrupt holds, as far as it is read here. */
interface NotedInterrupt {
  readonly interrupt?: UserInterrupt
  readonly by?: Id
}

export interface RunInterrupts {
  /** Looks at the run's place in control; answers what is new and wants reading. */
  readonly see: (run: OpenRun) => { readonly cancel: OpenRun["cancel"] | undefined; readonly steers: readonly Id[] }
  /** What a steer says, once it was read; `undefined`: it is not for the agent. */
  readonly keep: (steer: Id, steering: Steering | undefined) => void
  /** What arrived since the last call, in log order. */
  readonly take: () => readonly Steering[]
}
export const makeRunInterrupts = (): RunInterrupts => {
  const seen = new Set<Id>()
  let cancelSeen = false
  /** In log order; without words while these are being read. */
  let heard: { readonly id: Id; steering?: Steering }[] = []
  return {
    see: (run) => {
      const cancel = cancelSeen ? undefined : run.cancel
      if (cancel !== undefined) cancelSeen = true
      const steers = run.interrupts.filter(({ id, kind }) => kind === "steer" && !seen.has(id)).map(({ id }) => id)
      for (const id of steers) {
        seen.add(id)
        heard.push({ id })
      }
      return { cancel, steers }
    },
    keep: (steer, steering) => {
      if (steering === undefined) heard = heard.filter(({ id }) => id !== steer)
      else for (const each of heard) if (each.id === steer) each.steering = steering
    },
    take: () => {
      const unread = heard.findIndex(({ steering }) => steering === undefined)
      return heard.splice(0, unread < 0 ? heard.length : unread).map(({ steering }) => steering!)
    }
  }
}

/**
 * What was to be said after the run, as it ends: posted as messages of who sent it, and told as applied. One that
 * cannot be read is told as too late by the end of the run.
 */
export const readAfterRun = (
  log: ThreadLogService,
  thread: ThreadKey,
  run: OpenRun | undefined
): Effect.Effect<readonly (readonly Event[])[]> =>
  Effect.map(
    Effect.forEach(run?.interrupts.filter(({ kind }) => kind === "steer") ?? [], ({ id }) =>
      Effect.orElseSucceed(log.note(thread, `interrupt/${id}`), () => undefined)
    ),
    (notes) => notes.map((note) => postedAfter(run!.id, note)).filter((said) => said.length > 0)
  )
const postedAfter = (run: Id, note: Json | undefined): readonly Event[] => {
  const { by, interrupt } = (note ?? {}) as unknown as NotedInterrupt
  if (interrupt?.kind !== "steer" || interrupt.when !== "after-run") return []
  const { id, parts } = interrupt.message
  return [
    { type: "message.posted", message: id, role: "user", parts, ...(by === undefined ? {} : { by }) },
    { type: "interrupt.applied", run, interrupt: interrupt.id, outcome: { type: "applied" } }
  ]
}

/** Reads what a steer says. `undefined` for one that waits for the end of the run, or that was erased. */
export const readSteering = (
  log: ThreadLogService,
  thread: ThreadKey,
  id: Id
): Effect.Effect<Steering | undefined, LogError> =>
  Effect.map(log.note(thread, `interrupt/${id}`), (note) => {
    const { by, interrupt } = (note ?? {}) as unknown as NotedInterrupt
    if (interrupt?.kind !== "steer" || interrupt.when !== "next-step") return undefined
    const { parts } = interrupt.message
    const text = parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n")
    return { interrupt: id, parts, text, ...(by === undefined ? {} : { by }) }
  })
