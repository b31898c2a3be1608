/**
 * Makes a thread of this program fit for simulations: no real time, no real chance, and light responses.
 *
 * Import it first, and only in a worker thread. Whatever of the program asks for the real clock, for real chance or for a
 * turn of the real event loop while a schedule runs is a mistake, because no seed would repeat it: it throws.
 */
class LightResponse {
  readonly body: string
  readonly status: number
  readonly ok: boolean
  readonly headers: { readonly get: (name: string) => string | null }
  constructor(body: string, init: { readonly status?: number; readonly headers?: Record<string, string> } = {}) {
    this.body = body
    this.status = init.status ?? 200
    this.ok = this.status < 300
    this.headers = { get: (name) => init.headers?.[name] ?? null }
  }
  async json(): Promise<unknown> {
    return JSON.parse(this.body)
  }
}

const real = {
  now: Date.now,
  random: Math.random,
  setTimeout: globalThis.setTimeout,
  setInterval: globalThis.setInterval,
  setImmediate: globalThis.setImmediate,
  getRandomValues: crypto.getRandomValues
}
const refuse = (what: string) => (): never => {
  throw new Error(`${what} was asked for inside a simulation`)
}
globalThis.Response = LightResponse as never

/** While a schedule runs. */
export const guard = () => {
  // nobody reads the stacks of the errors that a schedule is full of
  Error.stackTraceLimit = 0
  Date.now = refuse("the real time")
  Math.random = refuse("real chance")
  globalThis.setTimeout = refuse("a real timer") as never
  globalThis.setInterval = refuse("a real timer") as never
  globalThis.setImmediate = refuse("a turn of the event loop") as never
  crypto.getRandomValues = refuse("real chance")
}
export const unguard = () => {
  Error.stackTraceLimit = 10
  Date.now = real.now
  Math.random = real.random
  globalThis.setTimeout = real.setTimeout
  globalThis.setInterval = real.setInterval
  globalThis.setImmediate = real.setImmediate
  crypto.getRandomValues = real.getRandomValues
}
