/**
 * How many threads of a process may append and publish at once. Who waits for its turn has not taken its batch yet,
 * so what is said meanwhile still goes into it: under load frames grow, instead of waiting full for a socket.
 *
 * First come, first served. A turn holds its slot for as long as its publish is waited for, 250 ms at most.
 */
import * as Effect from "effect/Effect"

export interface Slots {
  readonly within: <A, E>(turn: Effect.Effect<A, E>) => Effect.Effect<A, E>
}
export const makeSlots = (count: number): Slots => {
  let free = count
  const waiting: (() => void)[] = []
  const leave = Effect.sync(() => {
    const next = waiting.shift()
    if (next === undefined) free++
    else next()
  })
  const enter = Effect.suspend(() => {
    if (free === 0) return Effect.callback<void>((resume) => void waiting.push(() => resume(Effect.void)))
    free--
    return Effect.void
  })
  // a writer's loop is never interrupted, so whoever waits also leaves
  return { within: (turn) => Effect.andThen(enter, Effect.ensuring(turn, leave)) }
}
