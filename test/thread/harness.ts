/** One writer on one thread in memory: each command is decided and, if it may be, appended. Times are in milliseconds. */
import type { Event, KnownEvent } from "../../src/protocol/Event.ts"
import type { StartRun } from "../../src/protocol/Exchange.ts"
import type { UserInterrupt } from "../../src/protocol/UserInterrupt.ts"
import type { Decision } from "../../src/thread/command.ts"
import { runOf, type OpenRun, type RunPolicy } from "../../src/thread/control.ts"
import { makeThread } from "./simulate.ts"

export const begin = () => {
  const thread = makeThread()
  const attempt = (command: Parameters<typeof thread.attempt>[0]): Decision => {
    if (!thread.attempt(command)) throw new Error("a single writer has no conflicts")
    return thread.told.at(-1)!.decision
  }
  const digest = (value: unknown) => JSON.stringify(value)
  return {
    ...thread,
    post: (id: string, text = "hi") => {
      const message = { id, parts: [{ type: "text" as const, text }] }
      return attempt({ type: "post", by: "ann", message, digest: digest(message) })
    },
    start: (id: string, options: Partial<StartRun & RunPolicy> & { parent?: string } = {}) => {
      const { deadlineMillis, onWorkerLost = "fail", parent, ...rest } = options
      const start = { id, agent: "writer", ...rest }
      return attempt({
        type: "start",
        by: "ann",
        start,
        ...(parent === undefined ? {} : { parent: { run: parent } }),
        policy: { onBusy: "reject", onWorkerLost, ...(deadlineMillis === undefined ? {} : { deadlineMillis }) },
        digest: digest(start)
      })
    },
    take: (run: string, epoch = 1, parentEpoch?: number) =>
      attempt({ type: "take", run, epoch, ...(parentEpoch === undefined ? {} : { parentEpoch }) }),
    emit: (run: string, events: readonly Event[], options: { epoch?: number; note?: string } = {}) =>
      attempt({
        type: "emit",
        run,
        epoch: options.epoch ?? 1,
        events,
        ...(options.note === undefined ? {} : { notes: [{ key: options.note, value: 1 }] })
      }),
    say: (run: string, epoch = 1) =>
      attempt({ type: "emit", run, epoch, events: [{ type: "run.status", run, label: "working" }] }),
    finish: (run: string, epoch = 1) =>
      attempt({ type: "emit", run, epoch, events: [{ type: "run.finished", run, outcome: { type: "completed" } }] }),
    ask: (run: string, ask: string, expiresInMillis = 60_000, digest?: string) =>
      attempt({
        type: "emit",
        run,
        epoch: 1,
        events: [
          {
            type: "ask.opened",
            run,
            ask,
            kind: "approval",
            prompt: "write?",
            expiresAt: new Date(thread.now() + expiresInMillis).toISOString(),
            ...(digest === undefined ? {} : { digest })
          }
        ]
      }),
    suspend: (run: string, why: "asked" | "paused" | "time-limit" = "asked", epoch = 1) =>
      attempt({ type: "emit", run, epoch, events: [{ type: "run.suspended", run, why }] }),
    interrupt: (interrupt: UserInterrupt, by = "ann") =>
      attempt({ type: "interrupt", by, interrupt, digest: digest(interrupt) }),
    sweep: (run: string) => attempt({ type: "sweep", run }),
    run: (id: string): OpenRun | undefined => runOf(thread.control(), id),
    /** Types of the events of the newest entry. */
    newest: () => (thread.entries.at(-1)?.events ?? []).map((event) => event.type),
    newestEvents: () => (thread.entries.at(-1)?.events ?? []) as readonly KnownEvent[]
  }
}
export const codeOf = (decision: Decision): string => (decision.type === "refuse" ? decision.fault.code : decision.type)
export const enqueued = (decision: Decision): readonly unknown[] =>
  decision.type === "refuse" ? [] : ((decision.answer as { enqueue?: readonly unknown[] }).enqueue ?? [])
export const verdictOf = (decision: Decision): string | undefined => {
  if (decision.type === "refuse" || decision.answer.type !== "verdict") return undefined
  const { verdict } = decision.answer
  return verdict.type === "refused" ? verdict.error.code : verdict.type
}

/** Interrupts as clients send them. */
export const cancel = (id: string, run: string, graceMillis?: number): UserInterrupt => ({
  kind: "cancel",
  id,
  run,
  reason: "enough",
  ...(graceMillis === undefined ? {} : { graceMillis })
})
export const steer = (id: string, run: string, text = "shorter"): UserInterrupt => ({
  kind: "steer",
  id,
  run,
  message: { id: `m-${id}`, parts: [{ type: "text", text }] },
  when: "next-step"
})
export const answer = (id: string, run: string, ask: string, digest?: string): UserInterrupt => ({
  kind: "answer",
  id,
  run,
  ask,
  answer: { type: "approved" },
  ...(digest === undefined ? {} : { digest })
})
