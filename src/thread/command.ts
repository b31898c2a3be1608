/**
 * Commands: everything that may want to append to a thread, and what deciding one can answer.
 *
 * The writer decides a command against the newest control right before each append, and again after every
 * conflict. Shape, size and rights were checked before; what is decided here is state.
 */
import type { Answer, Event, Id, Verdict } from "../protocol/Event.ts"
import type { PostMessage, StartRun } from "../protocol/Exchange.ts"
import type { Fault } from "../protocol/Fault.ts"
import type { Json } from "../protocol/Json.ts"
import type { UserInterrupt } from "../protocol/UserInterrupt.ts"
import type { Control, RunPolicy } from "./control.ts"

/** A person posts a message. Note `message/<id>`. */
export interface PostCommand {
  readonly type: "post"
  readonly by: Id
  readonly message: PostMessage
  /** SHA-256 of the canonical body, so that a repeat is told from another message. */
  readonly digest: string
}
/** A run is asked for, with the message that goes with it. Notes `run/<id>` and `message/<id>`. */
export interface StartCommand {
  readonly type: "start"
  readonly by: Id
  readonly start: StartRun
  readonly parent?: { readonly run: Id; readonly call?: Id }
  readonly policy: RunPolicy
  readonly digest: string
  /** The verified sender as JSON; kept in the note `run/<id>` for the worker, never published. */
  readonly principal?: Json
}
/** A person interrupts a run. Note `interrupt/<id>`; an answer that is accepted also makes `ask/<run>/<ask>`. */
export interface InterruptCommand {
  readonly type: "interrupt"
  readonly by: Id
  readonly interrupt: UserInterrupt
  readonly digest: string
  /** Of an answer that edits what was shown: the digest of the edited input. PROTOCOL.md#asks */
  readonly edited?: string
}
/** A worker takes a run: `run.started`. */
export interface TakeCommand {
  readonly type: "take"
  readonly run: Id
  readonly epoch: number
  /** A child run is taken by whoever holds its parent, under this epoch of the parent. */
  readonly parentEpoch?: number
}
/**
 * Events of a run from the worker that holds `epoch`, in order. May hold `run.suspended` or `run.finished`, last.
 * Refused with `EPOCH_FENCED` or `RUN_TERMINAL`: then the worker stops.
 */
export interface EmitCommand {
  readonly type: "emit"
  readonly run: Id
  readonly epoch: number
  readonly events: readonly Event[]
  readonly notes?: readonly { readonly key: string; readonly value: Json }[]
}
/** The sweeper looks at one run whose `due` has passed. */
export interface SweepCommand {
  readonly type: "sweep"
  readonly run: Id
}
/** Access to the thread changed: its groups are named anew. */
export interface RevokeCommand {
  readonly type: "revoke"
  /** The new generation is above this one, too: that of a log which was dropped. */
  readonly above?: number
}
/** Entries are to lose their content. Notes `erased/…`. */
export interface EraseCommand {
  readonly type: "erase"
  readonly by?: Id
  readonly from: number
  readonly to: number
  readonly reason?: string
  /** All that have content there, and those that called them. */
  readonly runs: readonly Id[]
  /** What stays of notes that will be deleted; those that exist already are left out. */
  readonly kept: readonly { readonly key: string; readonly value: Json }[]
}
export type Command =
  | PostCommand
  | StartCommand
  | InterruptCommand
  | TakeCommand
  | EmitCommand
  | SweepCommand
  | RevokeCommand
  | EraseCommand

/** The value of the note `ask/<run>/<ask>`: how the ask was decided, for ever. */
export interface Decided {
  readonly answer: Answer
  /** Of what was approved or answered: the ask's, or that of the edited input. */
  readonly digest?: string
  readonly by?: Id
  /** The store's time, epoch milliseconds. */
  readonly at: number
}
export const askKey = (run: Id, ask: Id): string => `ask/${run}/${ask}`

/** The value of an idempotency note: what the first request with this id was and what it was told. */
export interface Recorded {
  readonly digest: string
  readonly offset: number
  readonly answer: CommandAnswer
}
/** A job to hand to a worker: this run waits to be taken under this epoch. */
export interface Enqueue {
  readonly run: Id
  readonly epoch: number
}
interface MayEnqueue {
  /** Enqueue these once the append is durable. One too many is harmless: it is refused when it is taken. */
  readonly enqueue?: readonly Enqueue[]
}
export type CommandAnswer =
  | { readonly type: "posted"; readonly message: Id }
  | ({ readonly type: "started"; readonly run: Id } & MayEnqueue)
  | ({ readonly type: "verdict"; readonly interrupt: Id; readonly verdict: Verdict } & MayEnqueue)
  /** The run is the worker's. */
  | { readonly type: "taken"; readonly from?: number }
  | ({ readonly type: "emitted" } & MayEnqueue)
  /** The run was looked after; also what a take is told when the run ended instead, so that it does nothing. */
  | ({ readonly type: "swept" } & MayEnqueue)
  | { readonly type: "revoked"; readonly generation: number }
  | { readonly type: "erased" }

/**
 * - `append`: these events, this control and these notes, in the entry that is being made
 * - `answer`: nothing to append; this was recorded before, at `offset`
 * - `refuse`: nothing to append; the fault is the answer
 */
export type Decision =
  | {
      readonly type: "append"
      readonly events: readonly Event[]
      readonly control: Control
      readonly notes: readonly { readonly key: string; readonly value: Json }[]
      readonly answer: CommandAnswer
    }
  | { readonly type: "answer"; readonly answer: CommandAnswer; readonly offset: number }
  | { readonly type: "refuse"; readonly fault: Fault }

export interface DecideContext {
  /** The store's clock, epoch milliseconds. */
  readonly now: number
  /** Offset that the entry will have. */
  readonly offset: number
  /** Notes that exist, by key: those that `noteKeys(command)` named. */
  readonly notes: ReadonlyMap<string, Json>
}
