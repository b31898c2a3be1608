/**
 * Control: the small state of what is open in a thread, kept in the log's head record. PROTOCOL.md#control
 *
 * Immutable plain data; only `decide` computes a new one. A value that did not change keeps its identity, so
 * that a store need not write it again.
 */
import type { Id } from "../protocol/Event.ts"
import type { OnBusy } from "../protocol/Exchange.ts"
import type { UserInterrupt } from "../protocol/UserInterrupt.ts"

export interface OpenInterrupt {
  readonly id: Id
  readonly kind: UserInterrupt["kind"]
  /** Offset of its `interrupt.received`. */
  readonly offset: number
}
export interface OpenAsk {
  readonly id: Id
  readonly kind: "approval" | "input" | "choice" | "tool"
  /** Offset of its `ask.opened`, which has all that is shown. */
  readonly offset: number
  readonly digest?: string
  /** Epoch milliseconds. */
  readonly expiresAt: number
  /** Principal ids that may answer; absent: whoever `authorize` allows. */
  readonly answerableBy?: readonly Id[]
  /** Who started the run may not answer. */
  readonly fourEyes?: boolean
}
export interface OpenRun {
  readonly id: Id
  readonly agent: string
  /** `queued`: behind another run of its agent; `waiting`: for a worker; `suspended`: for people. */
  readonly status: "queued" | "waiting" | "running" | "suspended"
  readonly epoch: number
  /** All times are the store's, in epoch milliseconds. */
  readonly acceptedAt: number
  /** By when it must be taken, show life, or expire. */
  readonly due: number
  readonly deadline?: number
  readonly by: Id
  readonly parent?: Id
  readonly onWorkerLost: "fail" | "retry"
  /** Wanted, not yet done. */
  readonly cancel?: { readonly interrupt: Id; readonly reason?: string; readonly endBy: number }
  readonly pause?: Id
  readonly interrupts: readonly OpenInterrupt[]
  readonly asks: readonly OpenAsk[]
  /** Offset of its acceptance, then of the newest finished recorded call: `from` of the next epoch. */
  readonly settled?: number
  /** What `settled` was when the run was last taken: a run that has it still made no headway since. */
  readonly taken?: number
  /** How often a worker was lost, or its host's time was over without headway, and another took over. */
  readonly lost?: number
}
export interface Control {
  readonly v: 1
  /** Part of every group name; grows when access is revoked. */
  readonly generation: number
  /** Unfinished runs, oldest first. */
  readonly runs: readonly OpenRun[]
}
export const emptyControl: Control = { v: 1, generation: 1, runs: [] }

/** The earliest `due` of all runs, for the log's index. */
export const dueOf = (control: Control): number | null => {
  let due: number | null = null
  for (const run of control.runs) if (due === null || run.due < due) due = run.due
  return due
}
export const runOf = (control: Control, id: Id): OpenRun | undefined => control.runs.find((run) => run.id === id)

/** How an agent wants its runs treated; fixed when the run is accepted. */
export interface RunPolicy {
  readonly onBusy: OnBusy
  readonly onWorkerLost: "fail" | "retry"
  /** Milliseconds from acceptance. */
  readonly deadlineMillis?: number
}
