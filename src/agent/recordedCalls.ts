/**
 * Recorded calls: `tool`, `step`, `ask` and `call` happen once, whatever happens to workers. PROTOCOL.md#recorded-calls
 *
 * That a call begins is durable before its code runs, and its result is a note before the caller gets it. A run
 * that is taken again executes from its first line: a finished call answers its recorded result and appends
 * nothing; one that began and did not finish is `OutcomeUnknown`, unless it is declared idempotent or the run was
 * suspended in it. Calls are known by name and count within the call that they are made in, because a finished one
 * does not make them again.
 */
import { AsyncLocalStorage } from "node:async_hooks"
import type { Event, Id } from "../protocol/Event.ts"
import type { Json } from "../protocol/Json.ts"
import type { Note } from "../ports/ThreadLog.ts"
import { askKey } from "../thread/command.ts"
import { digestOf } from "../writer/digest.ts"
import type { Line } from "../writer/Line.ts"
import type { Hold } from "./hold.ts"
import {
  begunKey,
  checkpointKey,
  checkpointValueKey,
  MAX_KEY_LENGTH,
  MAX_MESSAGE_UNITS,
  parkedKey,
  resultNotes,
  stepKey,
  type Begun,
  type Checkpoint,
  type Ended,
  type Failed,
  type Parked
} from "./recordedNotes.ts"
import type { Kept, Values } from "./values.ts"
import { AgentError, ApprovalMismatch, OutcomeUnknown, ReplayDiverged, RunAborted } from "./RunAborted.ts"

interface Called {
  readonly kind: string
  readonly name: string
  readonly key?: string | undefined
  readonly input: Json
}
export interface RecordedCall extends Called {
  /** Its key, from `keyOf`, where the call was made some time before; otherwise it is counted now. */
  readonly reserved?: string | undefined
  readonly idempotent?: boolean | undefined
  /** Events that show it begins; committed with the note, and with `notes`. */
  readonly begin: (id: Id) => readonly Event[]
  readonly notes?: (id: Id) => readonly Note[]
  readonly body: (id: Id, key: string) => Promise<Json | void>
  readonly end: (id: Id, ended: { readonly output: Json | void } | { readonly error: unknown }) => readonly Event[]
  /** Events for a call whose outcome nobody knows. */
  readonly unknown: (id: Id, key: string) => readonly Event[]
}
/** A call whose result somebody else records. */
export interface OpenCall extends Called {
  /** `said` is kept, and handed back when the run is taken again. */
  readonly begin: (id: Id) => { readonly events: readonly Event[]; readonly said: string }
}
export interface Opened {
  readonly id: Id
  readonly said: string
  /** What the note `ask/…` held when the run was taken. */
  readonly decided: Json | undefined
  /** Its result is known: the run is past it. `events` are appended once. */
  readonly close: (events?: readonly Event[]) => Promise<void>
}
export interface RecordedCalls {
  readonly perform: (call: RecordedCall) => Promise<Json | void>
  readonly open: (call: OpenCall) => Promise<Opened>
  /** The key that the next call of this kind and name has. Throws when an explicit one is used twice. */
  readonly keyOf: (kind: string, name: string, key: string | undefined) => string
  /** What a finished call of an earlier epoch answered; the call is passed then. */
  readonly recorded: (key: string) => Promise<{ readonly output: Json | void } | undefined>
  /** Whether calls of an earlier epoch are still to be passed. */
  readonly replaying: () => boolean
  /** Keeps `value`: a run that is taken again, and asks for it, goes on from here. */
  readonly checkpoint: (value: Json) => Promise<void>
  /** The newest checkpoint of an earlier epoch; from now on calls count from there. */
  readonly resumedFrom: () => Promise<Json | undefined>
  /** The calls that are under way, for `parked/…`. */
  readonly underWay: () => Parked
}

/**
 * Throw this in a call's body to have `kept` recorded with the failure. Every epoch rejects with it: `cause` is what
 * failed in the first, and the `AgentError` that was recorded in later ones.
 */
export class KeptFailure extends Error {
  readonly kept: string
  constructor(cause: unknown, kept: string) {
    super("a recorded call failed", { cause })
    this.name = "KeptFailure"
    this.kept = kept
  }
}
/** Faults of one call, which the run survives. */
const OF_THE_CALL = new Set(["TOO_MANY", "TOO_LARGE"])

export const makeRecordedCalls = (options: {
  readonly run: Id
  readonly epoch: number
  readonly line: Line
  readonly hold: Pick<Hold, "fly" | "gate">
  readonly nextId: () => Id
  readonly values: Values
  /** Notes of earlier epochs of this run. */
  readonly notes: readonly Note[]
  readonly onPassed: () => void
}): RecordedCalls => {
  const { epoch, hold, line, nextId, run, values } = options
  const earlier = new Map(options.notes.map((note) => [note.key, note.value]))
  const begunBefore = (key: string) => earlier.get(begunKey(run, key)) as unknown as Begun | undefined
  const keysOf = (kind: string) => {
    const prefix = `${kind}/${run}/`
    return [...earlier.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length))
  }
  const decided = (key: string) => earlier.has(askKey(run, begunBefore(key)!.id))
  /** Finished calls that are still to be passed. */
  const left = new Set([...keysOf("step"), ...keysOf("begun").filter(decided)])
  const parked = new Set((earlier.get(parkedKey(run, epoch - 1)) as unknown as Parked | undefined)?.calls)
  const underWay = new Set<string>()
  const counts = new Map<string, number>()
  const saved = keysOf("checkpoint")
    .map(Number)
    .toSorted((a, b) => a - b)
  /** Number of the newest checkpoint that the run is past. */
  let checkpoint = 0

  const inside = new AsyncLocalStorage<string>()
  const keyOf = (kind: string, name: string, key: string | undefined) => {
    const base = `${inside.getStore() ?? ""}${kind}:${name}${key === undefined ? "" : `:${key}`}`
    if (base.length > MAX_KEY_LENGTH)
      throw new TypeError(`${kind} "${name.slice(0, 64)}": its name and key are too long to be recorded`)
    const count = (counts.get(base) ?? 0) + 1
    counts.set(base, count)
    if (key === undefined) return `${base}#${count}`
    if (count > 1) throw new TypeError(`${kind} "${name}": the key "${key}" was used before in this run`)
    return base
  }
  const commit = async (name: string, events: readonly Event[], notes: readonly Note[]) => {
    const outcome = await line.commit(events, notes)
    if (outcome.ok) return
    const { code, message } = outcome.fault
    // the one note that somebody else may have made: that the approval was used up
    if (code === "DUPLICATE_DIFFERENT") throw new ApprovalMismatch(name)
    throw OF_THE_CALL.has(code) ? new AgentError(message) : new RunAborted(code, message)
  }
  /** With the calls that were made inside of it, which are not made again. */
  const passed = (key: string) => {
    if (left.size === 0) return
    for (const other of left) if (other === key || other.startsWith(`${key}/`)) left.delete(other)
    if (left.size === 0) options.onPassed()
  }
  /** A call that no earlier epoch finished: whatever is recorded besides will not be asked for before it. */
  const beyond = () => {
    if (left.size === 0) return
    left.clear()
    options.onPassed()
  }
  const recorded = async (key: string) => {
    const ended = earlier.get(stepKey(run, key)) as unknown as Ended | undefined
    if (ended === undefined) return undefined
    passed(key)
    if ("error" in ended) {
      const { kept, message, retryable } = ended.error
      const error = new AgentError(message, { retryable })
      throw kept === undefined ? error : new KeptFailure(error, kept)
    }
    return { output: await values.read(run, key, ended, earlier) }
  }
  const sameAsBefore = (call: Called, key: string) => {
    const digest = digestOf(call.input)
    const begun = begunBefore(key)
    if (begun !== undefined && begun.digest !== digest) throw new ReplayDiverged(call.name)
    return { begun, digest }
  }
  const begunNote = (key: string, begun: Begun): Note => ({
    key: begunKey(run, key),
    value: { ...begun, ...(checkpoint === 0 ? {} : { checkpoint }) }
  })

  const execute = async (call: RecordedCall, key: string, id: Id): Promise<Json | void> => {
    let output: Json | void
    try {
      output = await inside.run(`${key}/`, () => call.body(id, `${run}/${key}`))
      values.assertFits(output, `the result of "${call.name}"`)
    } catch (thrown) {
      const error = thrown instanceof KeptFailure ? thrown.cause : thrown
      const meant = error instanceof AgentError ? error : undefined
      const failed = {
        message: meant?.message.slice(0, MAX_MESSAGE_UNITS) ?? "failed",
        retryable: meant?.retryable ?? false,
        ...(thrown instanceof KeptFailure ? { kept: thrown.kept } : {})
      } satisfies Failed
      await commit(call.name, call.end(id, { error }), [{ key: stepKey(run, key), value: { error: failed } }])
      throw thrown
    }
    await commit(call.name, call.end(id, { output }), await resultNotes(values, run, key, output))
    return output
  }

  return {
    keyOf,
    recorded,
    replaying: () => left.size > 0,
    underWay: () => ({ calls: [...underWay] }),
    perform: async (call) => {
      const key = call.reserved ?? keyOf(call.kind, call.name, call.key)
      const { begun, digest } = sameAsBefore(call, key)
      const before = await recorded(key)
      if (before !== undefined) return before.output
      const id = begun?.id ?? nextId()
      return hold.fly(async () => {
        if (begun === undefined) {
          await hold.gate()
          beyond()
          const notes = [begunNote(key, { id, digest }), ...(call.notes?.(id) ?? [])]
          await commit(call.name, call.begin(id), notes)
        } else {
          // what the earlier epoch showed of it has left the view, so it is shown to begin again
          const known = call.idempotent === true || parked.has(key)
          const handed = `${run}/${key}`
          if (!known) beyond()
          await commit(call.name, [...call.begin(id), ...(known ? [] : call.unknown(id, handed))], [])
          if (!known) throw new OutcomeUnknown(call.name, handed)
        }
        underWay.add(key)
        try {
          return await execute(call, key, id)
        } finally {
          underWay.delete(key)
        }
      })
    },
    open: async (call) => {
      const key = keyOf(call.kind, call.name, call.key)
      const { begun, digest } = sameAsBefore(call, key)
      const close: Opened["close"] = async (events) => {
        if (events === undefined || earlier.has(stepKey(run, key))) return passed(key)
        passed(key)
        await commit(call.name, events, await resultNotes(values, run, key, undefined))
      }
      if (begun !== undefined) {
        return { id: begun.id, said: begun.said ?? "", decided: earlier.get(askKey(run, begun.id)), close }
      }
      const id = nextId()
      return hold.fly(async () => {
        await hold.gate()
        beyond()
        const { events, said } = call.begin(id)
        await commit(call.name, events, [begunNote(key, { id, digest, said })])
        return { id, said, decided: undefined, close }
      })
    },
    checkpoint: async (value) => {
      await hold.gate()
      const saves = { value, counts: Object.fromEntries(counts) } satisfies Checkpoint
      values.assertFits(saves, "the checkpoint")
      const n = Math.max(checkpoint, saved.at(-1) ?? 0) + 1
      const { kept, notes } = await values.keep(run, checkpointValueKey(n), saves)
      const note = { key: checkpointKey(run, n), value: kept as Json }
      await commit("checkpoint", [{ type: "run.heartbeat", run, epoch }], [note, ...notes])
      saved.push(n)
      checkpoint = n
    },
    resumedFrom: async () => {
      const n = saved.at(-1)
      const kept = n === undefined ? undefined : earlier.get(checkpointKey(run, n))
      if (n === undefined || kept === undefined) return undefined
      checkpoint = n
      const read = await values.read(run, checkpointValueKey(n), kept as unknown as Kept, earlier)
      const { counts: before, value } = read as unknown as Checkpoint
      for (const [base, count] of Object.entries(before)) counts.set(base, count)
      for (const key of left) if (isBefore(key, begunBefore(key), n, before)) left.delete(key)
      if (left.size === 0) options.onPassed()
      return value
    }
  }
}

/** Whether the call was made before the checkpoint; a child run, which has no note of its beginning, by its count. */
const isBefore = (key: string, begun: Begun | undefined, n: number, counts: Checkpoint["counts"]): boolean => {
  if (begun !== undefined) return (begun.checkpoint ?? 0) < n
  const at = key.lastIndexOf("#")
  return at < 0 ? key in counts : Number(key.slice(at + 1)) <= (counts[key.slice(0, at)] ?? 0)
}
