/**
 * Virtual time, chance and the parties of one schedule: everything that happens, happens here, in an order that the seed
 * decides.
 *
 * One thing happens at a time, and the next begins only when no promise and no fiber of the one before can go on.
 * What belongs to a party waits while it is frozen and is lost when it is dead.
 */

/** A process or a person's device. */
export interface Party {
  readonly name: string
  state: "up" | "frozen" | "dead"
  /** What happened to it while it was frozen. */
  readonly held: Timer[]
}
export interface Timer {
  readonly at: number
  readonly order: number
  readonly party: Party | undefined
  run: (() => void) | undefined
}
export interface World {
  /** Milliseconds since 1970, of no party's clock. */
  readonly now: () => number
  /** Without a party it is the network's: `run` may settle no promise and touch no fiber. */
  readonly after: (party: Party | undefined, millis: number, run: () => void) => Timer
  readonly party: (name: string) => Party
  readonly freeze: (party: Party) => void
  readonly thaw: (party: Party) => void
  /** Its timers, its answers and all that waits for them are gone. */
  readonly kill: (party: Party) => void
  /** Chance for one purpose: how often one is asked changes nothing for the others. */
  readonly chance: (purpose: string) => Chance
  /** Lets things happen until this much time has passed, or `done` says so after one of them. */
  readonly pass: (millis: number, done?: () => boolean) => Promise<void>
  readonly happened: () => number
  readonly trace: ((line: string) => void) | undefined
}
export interface Chance {
  /** 0 ≤ x < 1 */
  readonly next: () => number
  readonly int: (below: number) => number
  readonly between: (from: number, to: number) => number
  readonly strikes: (probability: number) => boolean
  readonly pick: <T>(from: readonly T[]) => T
}

/** Mulberry32. */
const mulberry = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
}
const hash = (text: string, from: number): number => {
  let mixed = from | 0
  for (let at = 0; at < text.length; at++) mixed = Math.imul(mixed ^ text.charCodeAt(at), 0x5bd1e995) ^ (mixed >>> 13)
  return mixed
}
export const chanceOf = (seed: number, purpose: string): Chance => {
  const next = mulberry(hash(purpose, Math.imul(seed, 0x9e3779b1)))
  return {
    next,
    int: (below) => Math.floor(next() * below),
    between: (from, to) => from + next() * (to - from),
    strikes: (probability) => next() < probability,
    pick: (from) => from[Math.floor(next() * from.length)]!
  }
}

const resolved = Promise.resolve()
/** `queueMicrotask` makes a resource of `async_hooks` each time, which this does not. */
export const inMicrotask = (run: () => void): void => void resolved.then(run)

export const START = Date.UTC(2030, 0, 1)

export const createWorld = (seed: number, trace?: (line: string) => void): World => {
  let time = START
  let order = 0
  let happened = 0
  /** A binary heap by time, then by order. */
  const heap: Timer[] = []
  const before = (a: Timer, b: Timer) => a.at < b.at || (a.at === b.at && a.order < b.order)
  const push = (timer: Timer) => {
    let at = heap.push(timer) - 1
    while (at > 0) {
      const up = (at - 1) >> 1
      if (before(heap[up]!, timer)) break
      heap[at] = heap[up]!
      at = up
    }
    heap[at] = timer
  }
  const pop = (): Timer | undefined => {
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let at = 0
    for (;;) {
      let down = 2 * at + 1
      if (down >= heap.length) break
      if (down + 1 < heap.length && before(heap[down + 1]!, heap[down]!)) down++
      if (before(last, heap[down]!)) break
      heap[at] = heap[down]!
      at = down
    }
    heap[at] = last
    return first
  }
  const after = (party: Party | undefined, millis: number, run: () => void): Timer => {
    const timer: Timer = { at: time + (millis > 0 ? millis : 0), order: order++, party, run }
    push(timer)
    return timer
  }
  /** Lets the next party do its next thing, after what the network did before it; answers false when there is none. */
  const step = (until: number, done: () => boolean): boolean => {
    for (;;) {
      const first = heap[0]
      if (first === undefined || first.at > until || done()) return false
      pop()
      const { party, run } = first
      if (run === undefined || party?.state === "dead") continue
      if (party?.state === "frozen") {
        party.held.push(first)
        continue
      }
      time = first.at
      first.run = undefined
      happened++
      run()
      // what belongs to nobody is the network's, and nothing there waits for a promise
      if (party !== undefined) return true
    }
  }

  return {
    now: () => time,
    after,
    party: (name) => ({ name, state: "up", held: [] }),
    freeze: (party) => {
      if (party.state === "up") party.state = "frozen"
    },
    thaw: (party) => {
      if (party.state !== "frozen") return
      party.state = "up"
      for (const { run } of party.held.splice(0)) if (run !== undefined) after(party, 0, run)
    },
    kill: (party) => {
      party.state = "dead"
      party.held.length = 0
    },
    chance: (purpose) => chanceOf(seed, purpose),
    pass: (millis, done = () => false) =>
      new Promise((resolve, reject) => {
        const until = time + millis
        const turn = () => {
          try {
            if (step(until, done)) return inMicrotask(soon)
            if (!done()) time = until
            resolve()
          } catch (error) {
            reject(error as Error)
          }
        }
        // a tick that is asked for in a microtask comes when no microtask is left
        const soon = () => process.nextTick(turn)
        inMicrotask(soon)
      }),
    happened: () => happened,
    trace
  }
}
