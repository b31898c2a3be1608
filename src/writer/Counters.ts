/** Counters of one process: what an operator watches. Names are stable; values only grow. */
export interface Counters {
  appended: number
  conflicts: number
  unknown: number
  knocks: number
  published: number
  publishFailed: number
  headFrames: number
  replayed: number
  refused: number
}
export const makeCounters = (): Counters => ({
  appended: 0,
  conflicts: 0,
  unknown: 0,
  knocks: 0,
  published: 0,
  publishFailed: 0,
  headFrames: 0,
  replayed: 0,
  refused: 0
})
