/**
 * What happened to some threads, as everybody who took part saw it: what `checkHistory` is handed.
 *
 * Whoever records leaves out what it cannot see; a check without its records passes. Plain data.
 */
import type {
  InterruptReceipt,
  PostMessage,
  PostMessageReceipt,
  StartRun,
  StartRunReceipt
} from "../protocol/Exchange.ts"
import type { Json } from "../protocol/Json.ts"
import type { UserInterrupt } from "../protocol/UserInterrupt.ts"
import type { View } from "../protocol/View.ts"
import type { StoredEntry } from "../ports/ThreadLog.ts"

/** Each invariant and the rule of PROTOCOL.md that it comes from. */
export const INVARIANTS = {
  dense: "ENTRY, LOG-1",
  chained: "ENTRY, ORDER-1",
  readable: "ENTRY-4",
  gapless: "ORDER-1, ORDER-5",
  "same-bytes": "MODEL-2",
  "same-view": "VIEW-1, VIEW-2",
  "caught-up": "RECOVERY-4",
  acknowledged: "MODEL-3",
  "one-effect": "IDEMPOTENCY-1",
  "one-verdict": "INTERRUPTS-1, IDEMPOTENCY-1",
  "interrupt-applied": "STEER-1, CANCEL-1",
  "one-end": "EPOCHS-3",
  "nothing-after-end": "INTERRUPTS-4",
  "epochs-grow": "EPOCHS-1",
  fenced: "EPOCHS-2",
  "asked-once": "ASKS-1",
  "not-expired": "ASKS-3",
  "as-shown": "ASKS-2",
  "ran-once": "CALLS-1, CALLS-2",
  "begun-first": "CALLS-1",
  ended: "EPOCHS-3",
  "nothing-open": "CONTROL, DUE-1"
} as const
export type Invariant = keyof typeof INVARIANTS

export interface Breach {
  readonly invariant: Invariant
  readonly thread: string
  /** What was seen, in one sentence. */
  readonly problem: string
}

/** One history of a thread: all that was ever appended under one `logId`, as the store holds or held it. */
export interface LogRecord {
  readonly thread: string
  readonly logId: string
  /** From offset 1 on, also what was trimmed since. */
  readonly entries: readonly StoredEntry[]
}
/** What one client showed, in the order in which it did. */
export type Shown =
  /** It took a view, where that is known, or began without one: `offset` 0. */
  | {
      readonly type: "view"
      readonly logId: string
      readonly offset: number
      readonly id: string
      readonly view?: View
    }
  /** It applied an entry; `text` is its JSON, byte for byte as it came, where that is known. */
  | {
      readonly type: "entry"
      readonly logId: string
      readonly offset: number
      readonly id: string
      readonly text?: string
    }
export interface ClientRecord {
  readonly client: string
  readonly thread: string
  readonly shown: readonly Shown[]
  /** What it shows at the end, older pages included; absent if it was closed or lost before. */
  readonly view?: View
}
export type Asked =
  | { readonly type: "post"; readonly message: PostMessage; readonly answer?: PostMessageReceipt }
  | { readonly type: "start"; readonly start: StartRun; readonly answer?: StartRunReceipt }
  | { readonly type: "interrupt"; readonly interrupt: UserInterrupt; readonly answer?: InterruptReceipt }
/** What somebody asked for and was told. No `answer`: none came, so nothing is known. */
export type Told = Asked & { readonly thread: string; readonly by: string; readonly at?: number }

/** Code of a tool that really ran, once for each time. */
export interface SideEffect {
  readonly thread: string
  readonly run: string
  readonly epoch: number
  /** The idempotency key that it was given. */
  readonly key: string
  /** The call's id in the log; absent for what is not shown as a tool. */
  readonly call?: string
  readonly input?: Json
  readonly idempotent?: boolean
  /** The newest offset of the log when it ran, where that is known: its `tool.called` must be there. */
  readonly head?: number
  /** The ask that allowed it. */
  readonly ask?: string
}
export interface History {
  /** Oldest first; the last one of a thread is the one that it has now. */
  readonly logs: readonly LogRecord[]
  readonly clients: readonly ClientRecord[]
  readonly told: readonly Told[]
  readonly effects: readonly SideEffect[]
  /** By thread: runs that are open in the head's control at the end. */
  readonly open?: Readonly<Record<string, readonly { readonly id: string; readonly status: string }[]>>
  /** Whether every fault was over for long enough: then clients are whole, and runs have ended. */
  readonly healed: boolean
}
/** Says that an invariant does not hold. */
export type Report = (invariant: Invariant, problem: string) => void
