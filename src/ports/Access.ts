/**
 * Who may do what. Both functions are the application's and required: nothing is allowed by default.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { AskOpened, Id } from "../protocol/Event.ts"
import type { Json } from "../protocol/Json.ts"

/** Who sends a request, as the application verified it. */
export interface Principal {
  /** 1–128 characters. Shown to everyone who may read the thread, as `by`. */
  readonly id: string
  /** Keeps threads of different tenants apart; `"main"` when absent. 1–64 of `[A-Za-z0-9_-]`. */
  readonly tenant?: string
  /** What the application wants to know again in `authorize` and in the agent; never sent to clients. */
  readonly claims?: Readonly<Record<string, Json>>
}
/** What an answer is about: the ask as it was shown, and the run that asks. */
export interface AskedAbout {
  readonly run: Id
  readonly agent: string
  /** Id of the principal who started the run. */
  readonly startedBy: Id
  readonly ask: AskOpened
}
export type Action = "read" | "start" | "interrupt" | "answer" | "post"

export interface AccessService {
  /** `null` when the request does not say who sends it, or not validly. */
  readonly authenticate: (request: Request) => Effect.Effect<Principal | null>
  /**
   * `thread` is the name within the principal's tenant. An `answer` is asked about twice: in general, and, where the ask is
   * open, `about` what is asked.
   */
  readonly authorize: (
    principal: Principal,
    action: Action,
    thread: string,
    about?: AskedAbout
  ) => Effect.Effect<boolean>
}
export class Access extends Context.Service<Access, AccessService>()("throughline/ports/Access") {}
