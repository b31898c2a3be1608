/**
 * Faults that a test turns on while the emulator runs. All are off at first; chances are from 0 (never) to 1 (always).
 *
 * Frame faults concern messages from groups and from the server, before a sequence id is given: a frame dropped here is
 * one that the service lost, so recovery does not bring it back.
 */
export interface Faults {
  /** Added to every REST call before anything is done. */
  restDelayMillis: number
  /** Chance that a REST call gets 503 and does nothing. */
  rest503: number
  /** Chance that a REST call gets 429 and does nothing. */
  rest429: number
  /** The Retry-After of a 429 or 503 in seconds; without it the SDK does not retry a 429. */
  retryAfterSeconds: number | undefined
  /** Chance that the TCP connection is reset before anything is done. */
  resetBeforeDelivery: number
  /** Chance that the call is done and the TCP connection reset instead of answered. */
  resetAfterDelivery: number
  /** Chance that a message does not reach a connection. */
  dropFrames: number
  /** Chance that a connection gets a message twice, under two sequence ids. */
  duplicateFrames: number
  /** Chance that a message is held back until the next one to the same connection, or 50 ms. */
  reorderFrames: number
  /** Added to every message. */
  frameDelayMillis: number
  /** Chance that a WebSocket handshake gets 503. */
  refuseConnections: number
  /** Added to every call of an event handler. */
  upstreamDelayMillis: number
  /** From 0 up to 1, like `Math.random`; give a seeded one to repeat a run. */
  random: () => number
}

export const noFaults = (): Faults => ({
  restDelayMillis: 0,
  rest503: 0,
  rest429: 0,
  retryAfterSeconds: undefined,
  resetBeforeDelivery: 0,
  resetAfterDelivery: 0,
  dropFrames: 0,
  duplicateFrames: 0,
  reorderFrames: 0,
  frameDelayMillis: 0,
  refuseConnections: 0,
  upstreamDelayMillis: 0,
  random: Math.random
})

/** Sets some faults by name; refuses unknown names and what is not a number from 0 (chances: to 1). */
export const setFaults = (faults: Faults, wanted: Readonly<Record<string, unknown>>): void => {
  for (const [name, value] of Object.entries(wanted)) {
    if (!Object.hasOwn(faults, name) || name === "random")
      throw new TypeError(`there is no fault ${JSON.stringify(name)}`)
    const isChance = !name.endsWith("Millis") && name !== "retryAfterSeconds"
    if (name === "retryAfterSeconds" && value === null) continue
    if (typeof value !== "number" || !(value >= 0) || (isChance && value > 1)) {
      throw new TypeError(`the fault ${name} must be a number from 0${isChance ? " to 1" : ""}`)
    }
  }
  for (const [name, value] of Object.entries(wanted)) Object.assign(faults, { [name]: value ?? undefined })
}

export const strikes = (faults: Faults, chance: number): boolean => chance > 0 && faults.random() < chance

export const spareRest = (faults: Faults): boolean =>
  faults.rest503 === 0 && faults.rest429 === 0 && faults.resetBeforeDelivery === 0 && faults.resetAfterDelivery === 0

export const spareFrames = (faults: Faults): boolean =>
  faults.dropFrames === 0 && faults.duplicateFrames === 0 && faults.reorderFrames === 0 && faults.frameDelayMillis === 0

const REORDER_MILLIS = 50

/** Applies the frame faults to one connection's messages. */
export class FrameFaults<M> {
  readonly #faults: Faults
  readonly #deliver: (message: M) => void
  #held: { readonly message: M; readonly timer: NodeJS.Timeout } | undefined

  constructor(faults: Faults, deliver: (message: M) => void) {
    this.#faults = faults
    this.#deliver = deliver
  }

  pass(message: M): void {
    const faults = this.#faults
    if (spareFrames(faults) && this.#held === undefined) return this.#deliver(message)
    if (strikes(faults, faults.dropFrames)) return
    if (faults.frameDelayMillis > 0) {
      setTimeout(() => this.#order(message), faults.frameDelayMillis).unref()
    } else this.#order(message)
  }

  #order(message: M): void {
    const faults = this.#faults
    if (this.#held === undefined && strikes(faults, faults.reorderFrames)) {
      this.#held = { message, timer: setTimeout(() => this.#release(), REORDER_MILLIS) }
      this.#held.timer.unref()
      return
    }
    this.#deliver(message)
    if (strikes(faults, faults.duplicateFrames)) this.#deliver(message)
    this.#release()
  }

  #release(): void {
    const held = this.#held
    if (held === undefined) return
    this.#held = undefined
    clearTimeout(held.timer)
    this.#deliver(held.message)
  }
}
