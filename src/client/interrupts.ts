/**
 * What people send to a thread: messages, runs, interrupts. PROTOCOL.md#requests
 *
 * Every call answers a receipt and never throws. Each carries an id that stays the same however often and by
 * whatever way it is sent, so a repeat gets the first answer. Interrupts go over the socket where it has a way
 * back, and over HTTP with the same id where that does not answer.
 */
import type { Id, MessagePart } from "../protocol/Event.ts"
import type {
  Failed,
  InterruptReceipt,
  OnBusy,
  PostMessage,
  PostMessageReceipt,
  StartRunReceipt
} from "../protocol/Exchange.ts"
import type { Fault } from "../protocol/Fault.ts"
import type { Json } from "../protocol/Json.ts"
import type { UserInterrupt } from "../protocol/UserInterrupt.ts"
import type { ViewAsk } from "../protocol/View.ts"
import type { Follower } from "./follow.ts"
import type { Request } from "./http.ts"
import { badAnswer, failure } from "./http.ts"
import { newId } from "./id.ts"

/** What `defineAgent` makes, as far as a client needs to know it. `import type` it: none of it is bundled. */
export interface AgentType {
  readonly name: string
  readonly "~types"?: { readonly input: unknown; readonly output: unknown }
}
export type InputOf<A extends AgentType> = A extends { readonly "~types"?: { readonly input: infer I } } ? I : unknown
/** A text stands for one text part. */
export type Content = string | readonly MessagePart[]

export interface PostOptions {
  readonly id?: Id
  readonly name?: string
  readonly after?: Id
  readonly replaces?: Id
}
export interface StartOptions {
  readonly id?: Id
  /** Posted in the same entry as the start. */
  readonly message?: Content | PostMessage
  readonly onBusy?: OnBusy
  readonly replaces?: Id
  readonly continues?: Id
  readonly tags?: Readonly<Record<string, string>>
}
export interface InterruptOptions {
  readonly id?: Id
}
export interface Actions {
  readonly post: (content: Content, options?: PostOptions) => Promise<PostMessageReceipt>
  /** `start<typeof librarian>("librarian", input)` checks the input by the agent's type. */
  readonly start: <A extends AgentType = AgentType>(
    agent: A | A["name"],
    input: InputOf<A>,
    options?: StartOptions
  ) => Promise<StartRunReceipt>
  readonly cancel: (
    run: Id,
    options?: InterruptOptions & { readonly reason?: string; readonly graceMillis?: number }
  ) => Promise<InterruptReceipt>
  /** `when`: `next-step` (default) is read by the running agent, `after-run` by the one after it. */
  readonly steer: (
    run: Id,
    content: Content,
    options?: InterruptOptions & { readonly message?: Id; readonly when?: "next-step" | "after-run" }
  ) => Promise<InterruptReceipt>
  readonly pause: (run: Id, options?: InterruptOptions) => Promise<InterruptReceipt>
  readonly resume: (run: Id, options?: InterruptOptions) => Promise<InterruptReceipt>
  /** Bound to the digest of what the view shows: if that is not what would be done, it is refused. */
  readonly approve: (
    ask: Id | ViewAsk,
    options?: InterruptOptions & { readonly input?: Json }
  ) => Promise<InterruptReceipt>
  readonly deny: (
    ask: Id | ViewAsk,
    options?: InterruptOptions & { readonly reason?: string }
  ) => Promise<InterruptReceipt>
  readonly answer: (ask: Id | ViewAsk, value: Json, options?: InterruptOptions) => Promise<InterruptReceipt>
}

/** What the kinds of interrupts have beside their kind, id and run. */
type Fields = InterruptOptions & {
  readonly message?: PostMessage
  readonly when?: string
  readonly ask?: Id
  readonly answer?: object
  readonly digest?: string | undefined
}
type Receipt = { readonly ok: true; readonly offset: number }

export const createActions = (
  thread: string,
  request: Request,
  { followed, interrupt: overSocket, reveal }: Follower
): Actions => {
  /** The receipt or the refusal that a reply is, if it is one. */
  const receipt = <R extends Receipt | Failed>(reply: unknown): R | undefined => {
    const { error, offset } = Object(reply) as { error?: Fault; offset?: unknown }
    const isReceipt = typeof offset === "number"
    if (isReceipt) reveal(offset)
    return isReceipt || error?.code ? (reply as R) : undefined
  }
  const post = async <R extends Receipt | Failed>(to: string, body: object): Promise<R | Failed> => {
    const answer = await request(thread, to, body)
    return receipt<R>(answer.ok ? answer.body : answer) ?? badAnswer("a receipt")
  }
  const send = async (
    kind: UserInterrupt["kind"],
    run: Id,
    { id = newId(), ...fields }: Fields = {}
  ): Promise<InterruptReceipt> => {
    const interrupt = { kind, id, run, ...fields }
    try {
      const reply = receipt<InterruptReceipt>(await overSocket(interrupt))
      if (reply && (reply.ok || !reply.error.retryable || reply.error.code === "RATE_LIMITED")) return reply
    } catch {
      // Whether it arrived is not known; the same id over HTTP tells.
    }
    return post("interrupts", interrupt)
  }
  const reply = async (ask: Id | ViewAsk, answer: object, options?: InterruptOptions): Promise<InterruptReceipt> => {
    const shown = typeof ask === "string" ? followed.view.asks.find((one) => one.id === ask) : ask
    if (!shown) return failure("NOT_FOUND", "no such ask")
    // What is undefined is not sent.
    return send("answer", shown.run, { ...options, ask: shown.id, answer, digest: shown.digest })
  }
  const said = (content: Content, id: Id = newId()): PostMessage => ({
    id,
    parts: typeof content === "string" ? [{ type: "text", text: content }] : content
  })
  return {
    post: (content, { id, ...rest } = {}) => post("messages", { ...said(content, id), ...rest }),
    start: (agent, input, { id = newId(), message, ...rest } = {}) =>
      post("runs", {
        id,
        agent: typeof agent === "string" ? agent : agent.name,
        input,
        message: typeof message === "string" || Array.isArray(message) ? said(message) : message,
        ...rest
      }),
    cancel: (run, options) => send("cancel", run, options),
    steer: (run, content, { message, when = "next-step", ...options } = {}) =>
      send("steer", run, { ...options, message: said(content, message), when }),
    pause: (run, options) => send("pause", run, options),
    resume: (run, options) => send("resume", run, options),
    approve: (ask, { input, ...options } = {}) => reply(ask, { type: "approved", input }, options),
    deny: (ask, { reason, ...options } = {}) => reply(ask, { type: "denied", reason }, options),
    answer: (ask, value, options) => reply(ask, { type: "answered", value }, options)
  }
}
