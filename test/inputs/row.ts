/**
 * One row of the table of bad inputs: what comes in, where, what it is answered, and how that is checked.
 *
 * Rows are data that scripts/docs.ts prints, so these modules load nothing: what a check needs is in its `world`.
 */
import type { World } from "./world.ts"

export const SURFACES = {
  frame: "Frames at the decoder",
  view: "Frames at the client",
  socket: "From a client's socket",
  rest: "Requests",
  webhook: "Webhooks",
  token: "Tokens and grants",
  interrupt: "Interrupts and answers to asks",
  agent: "An agent's code",
  store: "What the store hands back",
  operator: "Settings and what is mounted around it"
} as const
export type Surface = keyof typeof SURFACES

/** A test that was there before, by file and name; that it exists is checked. */
export interface Proof {
  readonly file: string
  readonly test: string
}
export interface Row {
  /** `B…`: the catalogue's; `N…`: found since. Several rows may share one. */
  readonly id: string
  readonly surface: Surface
  readonly input: string
  readonly answer: string
  /** Sends it to the real surface and throws unless the answer is this one. That nothing changed and everything goes on is checked around it. */
  readonly check: ((world: World) => Promise<void>) | Proof
  /** The answer is recorded: the check says what was. */
  readonly records?: true
}
/** A row of the catalogue that has no counterpart here. */
export interface Unlike {
  readonly id: string
  readonly input: string
  readonly why: string
}
export const proof = (file: string, test: string): Proof => ({ file, test })
