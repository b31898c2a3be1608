/** The kinds of fault that a schedule may meet, how likely each is in it, and how often each struck. */

/** Chances per call, per frame or per job. */
export const CALL_FAULTS = [
  "gateway drops",
  "gateway duplicates",
  "gateway reorders",
  "gateway delays",
  "gateway throttles",
  "gateway unavailable",
  "gateway unavailable but sent",
  "gateway hangs",
  "upstream missed",
  "upstream twice",
  "request lost",
  "answer lost",
  "store unknown before",
  "store unknown after",
  "store late",
  "store duplicates",
  "store unavailable",
  "store slow",
  "job lost",
  "job doubled",
  "job late",
  "queue unavailable"
] as const
/** What a schedule does on purpose at some moment. */
export const PLANNED_FAULTS = [
  "socket cut",
  "socket half-open",
  "device asleep",
  "process frozen",
  "process killed",
  "process killed at an I/O boundary",
  "clock skewed",
  "clock jumps",
  "snapshot missing",
  "snapshot and trim",
  "log replaced"
] as const
export type CallFault = (typeof CALL_FAULTS)[number]
export type Fault = CallFault | (typeof PLANNED_FAULTS)[number]
export type Rates = Partial<Record<CallFault, number>>
export type Struck = Partial<Record<Fault, number>>

export interface Faults {
  /** Whether this call meets the fault; counts it. */
  readonly strikes: (fault: CallFault) => boolean
  readonly count: (fault: Fault) => void
  /** From now on no call meets a fault. */
  readonly heal: () => void
  readonly struck: Struck
}
export const createFaults = (rates: Rates, chance: { readonly strikes: (probability: number) => boolean }): Faults => {
  const struck: Struck = {}
  let healed = false
  const count = (fault: Fault) => {
    struck[fault] = (struck[fault] ?? 0) + 1
  }
  return {
    count,
    strikes: (fault) => {
      const rate = rates[fault]
      if (rate === undefined || healed || !chance.strikes(rate)) return false
      count(fault)
      return true
    },
    heal: () => {
      healed = true
    },
    struck
  }
}
