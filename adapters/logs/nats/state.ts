/**
 * A thread's newest state, from its newest message; where that is a knock, from the commits since its base.
 *
 * What this process has seen is remembered for as long as its connection lasts, so that an append need not read first.
 */
import type { NatsConnection } from "@nats-io/transport-node"
import type { Head, Note } from "../../../src/ports/ThreadLog.ts"
import { namesOf } from "./names.ts"
import { decode, type Knock, type State } from "./records.ts"
import type { Store } from "./store.ts"

export interface Seen {
  /** Sequence of the newest message: the head's tag. 0: none. */
  readonly sequence: number
  /** Sequence of the message that `state` is from. 0: none. */
  readonly stateSequence: number
  readonly state: State | undefined
  readonly knock: Head["knock"]
  /** Whether the notes of `state` are on subjects of their own as well. */
  settled: boolean
}
const NOTHING: Seen = { sequence: 0, stateSequence: 0, state: undefined, knock: null, settled: true }

export const logIdOf = (seen: Seen): string => seen.state?.logId ?? ""
export const offsetOf = (seen: Seen): number => seen.state?.offset ?? 0
export const notesOf = (seen: Seen): readonly Note[] => seen.state?.notes ?? []

export const readSeen = async (store: Store, thread: string): Promise<Seen> => {
  const { commits } = namesOf(store.stream, thread)
  const last = await store.last(commits)
  if (last === undefined) return NOTHING
  const { record } = decode<State | Knock>(last.data)
  if (record.kind !== "knock")
    return { sequence: last.seq, stateSequence: last.seq, state: record, knock: null, settled: false }
  const knock = { by: record.by, at: last.time.getTime() }
  let state: State | undefined
  let stateSequence = 0
  for (let at = record.base; ;) {
    const next = await store.from(commits, at)
    if (next === undefined || next.seq >= last.seq) break
    const { record: found } = decode<State | Knock>(next.data)
    if (found.kind !== "knock") {
      state = found
      stateSequence = next.seq
    }
    at = next.seq + 1
  }
  return { sequence: last.seq, stateSequence, state, knock, settled: false }
}
export const toHead = (seen: Seen, now: number): Head => ({
  logId: logIdOf(seen),
  offset: offsetOf(seen),
  id: seen.state?.id ?? "",
  control: seen.state?.control ?? null,
  due: seen.state?.due ?? null,
  tag: String(seen.sequence),
  knock: seen.knock,
  now
})

export interface Memory {
  readonly get: (connection: NatsConnection, thread: string, sequence: number) => Seen | undefined
  readonly set: (connection: NatsConnection, thread: string, seen: Seen) => void
}
const MOST = 4_096
export const makeMemory = (): Memory => {
  let of: NatsConnection | undefined
  const seen = new Map<string, Seen>()
  return {
    get: (connection, thread, sequence) => {
      const found = of === connection ? seen.get(thread) : undefined
      return found?.sequence === sequence ? found : undefined
    },
    set: (connection, thread, found) => {
      if (of !== connection) seen.clear()
      of = connection
      const known = seen.get(thread)
      if (known !== undefined && known.sequence > found.sequence) return
      seen.delete(thread)
      seen.set(thread, known?.sequence === found.sequence && known.settled ? { ...found, settled: true } : found)
      for (const oldest of seen.keys()) {
        if (seen.size <= MOST) break
        seen.delete(oldest)
      }
    }
  }
}
