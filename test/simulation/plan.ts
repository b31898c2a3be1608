/**
 * A plan: all that a schedule decides beforehand, as data. The same plan gives the same history; a shorter one is made by
 * leaving things out.
 */
import { WORDS, type Op } from "./agents.ts"
import { CALL_FAULTS, type CallFault, type Rates } from "./faults.ts"
import { chanceOf, type Chance } from "./world.ts"

export type Action = { readonly at: number } & (
  | { readonly do: "join" | "leave"; readonly client: number }
  | { readonly do: "post"; readonly client: number; readonly id: string }
  | {
      readonly do: "start"
      readonly client: number
      readonly id: string
      readonly agent: string
      readonly ops: readonly Op[]
      readonly message: boolean
    }
  | {
      readonly do: "cancel" | "steer" | "pause" | "resume"
      readonly client: number
      readonly id: string
      /** Of the plan's starts. */
      readonly run: string
      readonly grace?: number
      readonly late?: boolean
    }
  /** Answers an ask that the device shows, if it shows one. */
  | { readonly do: "answer"; readonly client: number; readonly id: string; readonly how: How; readonly nth: number }
  /** The same again, as another device or an impatient person would. */
  | { readonly do: "repeat"; readonly client: number; readonly of: string }
  | { readonly do: "cut" | "half-open"; readonly client: number | undefined }
  | { readonly do: "sleep"; readonly client: number; readonly millis: number }
  | { readonly do: "freeze"; readonly process: number; readonly millis: number }
  | { readonly do: "kill"; readonly process: number; readonly boundary?: "before" | "after"; readonly calls?: number }
  | { readonly do: "jump"; readonly process: number; readonly millis: number }
  | { readonly do: "trim" | "lose snapshot" | "replace log" }
)
/** `wrong`: by a digest that is not what was shown. */
export type How = "approve" | "edit" | "deny" | "wrong"
export interface Plan {
  readonly seed: number
  readonly rates: Rates
  readonly actions: readonly Action[]
  /** How wrong the clocks are, in milliseconds. */
  readonly skews: { readonly store: number; readonly processes: readonly number[] }
}
/** Processes: one that answers requests, one that answers them and works, one that only works. */
export const PROCESSES = 3
/** Tabs; the first two are on one device's connection, the last one comes late. */
export const CLIENTS = 5

const DAY = 24 * 3_600_000
const STRONG: Readonly<Record<CallFault, number>> = {
  "gateway drops": 0.4,
  "gateway duplicates": 0.3,
  "gateway reorders": 0.4,
  "gateway delays": 0.2,
  "gateway throttles": 0.2,
  "gateway unavailable": 0.3,
  "gateway unavailable but sent": 0.2,
  "gateway hangs": 0.1,
  "upstream missed": 0.4,
  "upstream twice": 0.5,
  "request lost": 0.15,
  "answer lost": 0.2,
  "store unknown before": 0.15,
  "store unknown after": 0.25,
  "store late": 0.2,
  "store duplicates": 0.3,
  "store unavailable": 0.2,
  "store slow": 0.1,
  "job lost": 0.3,
  "job doubled": 0.4,
  "job late": 0.3,
  "queue unavailable": 0.2
}

export const planOf = (seed: number): Plan => {
  const chance = chanceOf(seed, "plan")
  const rates: Rates = {}
  // a few kinds at a time, each strong enough to matter: all at once hide each other
  const kinds = chance.strikes(0.1) ? 0 : 1 + chance.int(5)
  for (let n = 0; n < kinds; n++) {
    const fault = chance.pick(CALL_FAULTS)
    rates[fault] = STRONG[fault] * chance.between(0.2, 1)
  }
  const skew = () =>
    chance.strikes(0.15) ? Math.round(chance.between(-DAY, DAY)) : Math.round(chance.between(-50, 50))
  const skews = { store: skew(), processes: Array.from({ length: PROCESSES }, skew) }
  return { seed, rates, skews, actions: actionsOf(chance) }
}

/** A number below `below`, rather a small one. */
const fewOf = (chance: Chance, below: number) => Math.floor(chance.next() ** 2 * below)

const actionsOf = (chance: Chance): readonly Action[] => {
  const actions: Action[] = []
  const runs: string[] = []
  const sent: string[] = []
  let at = 0
  const client = () => chance.int(CLIENTS)
  const device = () => chance.int(CLIENTS - 1)
  const start = () => {
    const id = `run${runs.length + 1}`
    runs.push(id)
    sent.push(id)
    const agent = chance.pick(["plain", "sturdy", "sturdy", "eager", "newest", "solo", "hasty"])
    actions.push({ at, do: "start", client: device(), id, agent, ops: opsOf(chance, 2), message: chance.strikes(0.4) })
  }
  const interrupt = () => {
    const id = `int${sent.length + 1}`
    sent.push(id)
    const kind = chance.pick(["cancel", "cancel", "steer", "steer", "pause", "resume"] as const)
    const run = chance.pick(runs)
    if (kind === "cancel")
      actions.push({ at, do: kind, client: device(), id, run, grace: chance.pick([0, 50, 500, 5_000]) })
    else actions.push({ at, do: kind, client: device(), id, run, ...(chance.strikes(0.2) ? { late: true } : {}) })
  }
  const answer = () => {
    const how = chance.pick(["approve", "approve", "edit", "deny", "wrong"] as const)
    const id = `ans${sent.length + 1}`
    sent.push(id)
    actions.push({ at: at + chance.between(0, 600), do: "answer", client: device(), id, how, nth: chance.int(3) })
  }
  start()
  // most are short, for short ones find most per second; some are long
  const steps = 1 + fewOf(chance, 6)
  const faulty = chance.strikes(0.7)
  for (let n = 0; n < steps; n++) {
    at += chance.strikes(0.2) ? chance.between(0, 3_000) : chance.between(0, 200)
    const drawn = chance.int(20)
    if (drawn < 4) start()
    else if (drawn < 8) interrupt()
    else if (drawn < 9) {
      // two people at once, as often as not
      answer()
      if (chance.strikes(0.5)) answer()
    } else if (drawn < 11) {
      const id = `msg${sent.length + 1}`
      sent.push(id)
      actions.push({ at, do: "post", client: device(), id })
    } else if (drawn < 14)
      actions.push({ at: at + chance.between(0, 400), do: "repeat", client: device(), of: chance.pick(sent) })
    else if (drawn === 14) actions.push({ at, do: chance.strikes(0.7) ? "join" : "leave", client: client() })
    else if (faulty) actions.push({ at, ...plannedOf(chance) })
  }
  actions.push({ at: at + chance.between(0, 500), do: "join", client: CLIENTS - 1 })
  return actions.sort((a, b) => a.at - b.at)
}

type Planned = Action extends infer A ? (A extends { readonly at: number } ? Omit<A, "at"> : never) : never
const plannedOf = (chance: Chance): Planned => {
  const process = chance.int(PROCESSES)
  const client = chance.strikes(0.3) ? undefined : chance.int(CLIENTS)
  const drawn = chance.int(20)
  if (drawn < 4) return { do: "cut", client }
  if (drawn < 6) return { do: "half-open", client }
  if (drawn < 8) return { do: "sleep", client: chance.int(CLIENTS), millis: chance.pick([300, 3_000, 20_000]) }
  if (drawn < 11) return { do: "freeze", process, millis: chance.pick([100, 2_000, 8_000, 40_000]) }
  if (drawn < 13) return { do: "kill", process }
  if (drawn < 16) {
    return { do: "kill", process, boundary: chance.pick(["before", "after"] as const), calls: 1 + chance.int(12) }
  }
  if (drawn < 17) return { do: "jump", process, millis: Math.round(chance.between(-DAY, DAY)) }
  if (drawn < 18) return { do: "trim" }
  if (drawn < 19) return { do: "lose snapshot" }
  return chance.strikes(0.5) ? { do: "replace log" } : { do: "trim" }
}

const opsOf = (chance: Chance, depth: number): readonly Op[] => {
  const ops: Op[] = []
  const count = 1 + fewOf(chance, depth === 2 ? 4 : 2)
  for (let n = 0; n < count; n++) {
    const text = chance.pick(WORDS)
    const millis = chance.pick([0, 5, 20, 80, 400])
    const drawn = chance.int(22)
    if (drawn >= 20) ops.push(askOf(chance, text))
    else if (drawn < 6) ops.push({ op: "text", text })
    else if (drawn < 7) ops.push({ op: "think", text })
    else if (drawn < 9) ops.push({ op: chance.pick(["status", "state", "source", "checkpoint"] as const), text })
    else if (drawn < 12) ops.push({ op: "wait", millis, ...(chance.strikes(0.15) ? { heedless: true } : {}) })
    else if (drawn < 15) {
      const idempotent = chance.strikes(0.5)
      ops.push({ op: "tool", name: text, millis, idempotent, ...(chance.strikes(0.15) ? { fails: true } : {}) })
    } else if (drawn < 17) ops.push({ op: "listen", text })
    else if (drawn < 18 && depth > 0) ops.push({ op: "step", name: text, ops: opsOf(chance, depth - 1) })
    else if (drawn < 19 && depth > 0)
      ops.push({ op: "child", agent: chance.pick(["eager", "hasty"]), ops: opsOf(chance, depth - 1) })
    else if (chance.strikes(0.3)) ops.push({ op: "fail", text })
    else ops.push({ op: "wait", millis: chance.pick([600, 600, 600, 1_500, 1_500, 6_000, 12_000]) })
  }
  return ops
}

const askOf = (chance: Chance, name: string): Op => ({
  op: chance.pick(["approval", "approval", "tool that asks", "input", "choice", "client tool"] as const),
  name,
  expires: chance.pick([200, 2_000, 20_000, 3_600_000]),
  ...(chance.strikes(0.2) ? { fourEyes: true } : {})
})
