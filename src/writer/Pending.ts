/**
 * What one process still wants to append to one thread, in order, and how much of it there is.
 *
 * A batch that was taken stays at the front, closed to growth, until it is removed: after a conflict it is simply
 * taken again. Neighbouring offers of one run share a place, so a busy thread makes few commands.
 */
import type { Event, Id } from "../protocol/Event.ts"
import type { Fault } from "../protocol/Fault.ts"
import { MAX_ENTRY_BYTES, MAX_OPEN_ASKS } from "../protocol/Limits.ts"
import type { Command, CommandAnswer } from "../thread/command.ts"

/** UTF-16 units of one batch: even if each became six bytes it fits an entry. */
export const BATCH_UNITS = Math.floor(MAX_ENTRY_BYTES / 6) - 512
/** Notes of one batch, unless one command alone has more: stores bound what they write in one step, the least at 98. */
export const BATCH_NOTES = 90
/** Pending units of one thread before agents wait. */
const FULL_UNITS = 256 * 1024

export type Outcome =
  | { readonly ok: true; readonly answer: CommandAnswer; readonly offset: number }
  | { readonly ok: false; readonly fault: Fault }

/** A delta that was made here and is the newest event of its place: it may still grow. */
export interface Delta {
  readonly type: "text.delta" | "reasoning.delta"
  readonly run: Id
  readonly part: Id
  text: string
}
/** What a delta's envelope adds to its text, roughly. */
export const DELTA_UNITS = 128

export interface Waiting {
  readonly command: Command
  /** The run whose worker says it, in the history that it was taken in; `undefined`: someone outside waits for the answer. */
  readonly line: { readonly logId: string | undefined } | undefined
  /** Whose offers may still be added to it; `undefined` when it is closed. */
  readonly open: { readonly owner: object; readonly events: Event[]; delta: Delta | undefined } | undefined
  units: number
  readonly since: number
  readonly onOutcome: ((outcome: Outcome) => void) | undefined
}
export interface Pending {
  readonly push: (waiting: Waiting) => void
  /** Adds to the newest place if it is the owner's and not yet taken. */
  readonly grow: (owner: object, events: readonly Event[], units: number, delta?: Delta) => boolean
  /** Adds text to the owner's newest event, if that is a delta of this part and not yet taken. */
  readonly growDelta: (owner: object, type: Delta["type"], part: Id, text: string) => boolean
  readonly take: () => readonly Waiting[]
  /** Gives the taken batch back: the next `take` begins with it. */
  readonly putBack: () => void
  readonly remove: (gone: readonly Waiting[]) => void
  /** Removes who waits from outside since before `time` and is not taken. */
  readonly expire: (time: number) => readonly Waiting[]
  readonly all: () => readonly Waiting[]
  readonly isEmpty: () => boolean
  /** Whether anyone outside a run waits. */
  readonly outside: () => boolean
  readonly full: () => boolean
  readonly drained: () => Promise<void>
}

/** A recorded call's end also ends its entry: what a resumed run takes back begins after that offset. */
const settles = (command: Command) => command.type === "emit" && (command.notes?.length ?? 0) > 0

/** Notes that deciding the command makes at most. */
const notesOf = (command: Command): number => {
  switch (command.type) {
    case "post":
      return 1
    case "start":
      return command.start.message === undefined ? 1 : 2
    case "interrupt":
      return command.interrupt.kind === "answer" ? 2 : 1
    case "emit":
      return command.notes?.length ?? 0
    case "sweep":
      // one for each ask that expires
      return MAX_OPEN_ASKS
    case "erase":
      return command.kept.length
    case "take":
    case "revoke":
      return 0
  }
}

export const makePending = (): Pending => {
  let list: Waiting[] = []
  let units = 0
  let taken = 0
  let outsiders = 0
  let waiters: (() => void)[] = []
  const count = () => {
    units = 0
    outsiders = 0
    for (const waiting of list) {
      units += waiting.units
      if (waiting.line === undefined) outsiders++
    }
  }
  return {
    push: (waiting) => {
      list.push(waiting)
      units += waiting.units
      if (waiting.line === undefined) outsiders++
    },
    grow: (owner, events, size, delta) => {
      const last = list.length > taken ? list[list.length - 1] : undefined
      if (last?.open?.owner !== owner || last.units + size > BATCH_UNITS) return false
      for (const event of events) last.open.events.push(event)
      last.open.delta = delta
      last.units += size
      units += size
      return true
    },
    growDelta: (owner, type, part, text) => {
      const last = list.length > taken ? list[list.length - 1] : undefined
      const delta = last?.open?.delta
      if (delta === undefined || last!.open!.owner !== owner || delta.part !== part || delta.type !== type) return false
      if (last!.units + text.length > BATCH_UNITS) return false
      delta.text += text
      last!.units += text.length
      units += text.length
      return true
    },
    take: () => {
      let size = 0
      let notes = 0
      taken = 0
      for (const waiting of list) {
        const more = notesOf(waiting.command)
        if (taken > 0 && (size + waiting.units > BATCH_UNITS || notes + more > BATCH_NOTES)) break
        size += waiting.units
        notes += more
        taken++
        if (settles(waiting.command)) break
      }
      return list.slice(0, taken)
    },
    putBack: () => {
      taken = 0
    },
    remove: (gone) => {
      taken = 0
      if (gone.length === list.length) list = []
      else {
        const set = new Set(gone)
        list = list.filter((waiting) => !set.has(waiting))
      }
      count()
      if (units >= FULL_UNITS || waiters.length === 0) return
      const resolve = waiters
      waiters = []
      for (const each of resolve) each()
    },
    expire: (time) => {
      if (outsiders === 0) return []
      const gone = list.filter((waiting, at) => at >= taken && waiting.line === undefined && waiting.since < time)
      if (gone.length === 0) return gone
      list = list.filter((waiting) => !gone.includes(waiting))
      count()
      return gone
    },
    all: () => list,
    isEmpty: () => list.length === 0,
    outside: () => outsiders > 0,
    full: () => units >= FULL_UNITS,
    drained: () => (units < FULL_UNITS ? Promise.resolve() : new Promise((resolve) => waiters.push(resolve)))
  }
}
