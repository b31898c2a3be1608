/** `run.ask` and the check of approvals, as the agent's author uses them. Decisions come from `asks`. */
import type { AskOpened, Id } from "../protocol/Event.ts"
import type { Json } from "../protocol/Json.ts"
import type { ThreadKey } from "../ports/ThreadLog.ts"
import type { Decided } from "../thread/command.ts"
import type { Approval, Ask, AskOptions, AskSchemas, Reply, Unanswered } from "./Ask.ts"
import { askDigest, editDigest } from "./askDigest.ts"
import type { Asks, AskSpec, Resolved } from "./asks.ts"
import { AgentError, ApprovalMismatch } from "./RunAborted.ts"
import { check } from "./standardSchema.ts"

export interface AskFace {
  readonly ask: Ask
  /**
   * Whether `approval` allows this call, decided anew from what the log holds and from what is about to run; answers
   * the digest. Throws `ApprovalMismatch`.
   */
  readonly allow: (approval: Approval, name: string, input: Json) => Promise<string>
}

export const makeAskFace = (parts: {
  readonly thread: ThreadKey
  readonly schemas: AskSchemas
  readonly asks: Pick<Asks, "ask">
  readonly readDecision: (ask: Id) => Promise<Decided | undefined>
}): AskFace => {
  const { schemas, thread } = parts
  /** What was shown of each approval that this run got. */
  const shownOf = new Map<Id, Resolved["shown"]>()

  /** The digest that a decision on `shown` must have for `input` to run. */
  const digestFor = (shown: Resolved["shown"], { answer }: Decided, input: Json): string =>
    answer.type === "approved" && answer.input !== undefined
      ? editDigest(shown.digest, input)
      : askDigest(thread, { ...shown, input } as AskOpened)

  const reply = async <T>(spec: AskSpec, options: AskOptions, name: string | undefined): Promise<Reply<T>> => {
    const { decided, shown } = await parts.asks.ask(spec, options)
    const { answer, by } = decided
    if (answer.type !== "answered") return { answered: false, ...unanswered(decided, shown.ask) }
    const schema = name === undefined ? undefined : schemas[name]
    // checked when it was answered; this process may know another version of the schema
    const value = schema === undefined ? undefined : await check(schema, answer.value, "BAD_INPUT")
    if (value?.ok === false) throw new AgentError(`the answer to "${name}" does not fit: ${value.fault.message}`)
    return { answered: true, value: (value?.value ?? answer.value) as T, by, ask: shown.ask }
  }

  const ask: Ask = {
    approval: async ({ input, tool, ...options }) => {
      const spec: AskSpec & { readonly input: Json } = {
        kind: "approval",
        name: tool,
        input,
        prompt: `Allow "${tool}"?`
      }
      const { decided, shown } = await parts.asks.ask(spec, options)
      const { answer, by, digest } = decided
      if (answer.type !== "approved") return { approved: false, ...unanswered(decided, shown.ask) }
      const allowed = answer.input ?? input
      if (digest === undefined || digestFor(shown, decided, allowed) !== digest) throw new ApprovalMismatch(tool)
      shownOf.set(shown.ask, shown)
      const edited = answer.input !== undefined
      return { approved: true, input: allowed as typeof input, edited, by, ask: shown.ask, digest }
    },
    input: (name, options = {}) => {
      if (schemas[name] === undefined) throw new TypeError(`the agent declares no ask "${name}"`)
      return reply({ kind: "input", name, prompt: name }, options, name)
    },
    choice: ({ options, ...rest }) => reply({ kind: "choice", options, prompt: "Choose one" }, rest, undefined),
    tool: (name, input, options = {}) => reply({ kind: "tool", name, input, prompt: name }, options, name)
  }
  return {
    ask,
    allow: async (approval, name, input) => {
      const shown = approval.approved ? shownOf.get(approval.ask) : undefined
      const decided = shown === undefined ? undefined : await parts.readDecision(shown.ask)
      if (shown?.name !== name || decided?.answer.type !== "approved" || decided.digest === undefined)
        throw new ApprovalMismatch(name)
      const digest = digestFor(shown, decided, input)
      if (digest !== decided.digest) throw new ApprovalMismatch(name)
      return digest
    }
  }
}

const unanswered = ({ answer, by }: Decided, ask: Id): Unanswered => ({
  why: answer.type === "denied" || answer.type === "expired" ? answer.type : "withdrawn",
  ...("reason" in answer && answer.reason !== undefined ? { reason: answer.reason } : {}),
  ...(by === undefined ? {} : { by }),
  ask
})
