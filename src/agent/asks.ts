/**
 * What a run asks of people: opens asks, waits for decisions, and checks them. PROTOCOL.md#asks
 *
 * An ask is a recorded call whose result is the decision's note, written by whoever decided. It is opened once; a
 * run that is taken again finds the decision, or goes on waiting. What was decided is checked against what was shown.
 */
import * as Duration from "effect/Duration"
import type { AskOpened, Event, Id, ToolOutcome } from "../protocol/Event.ts"
import { fault } from "../protocol/Fault.ts"
import type { Json } from "../protocol/Json.ts"
import { MAX_NOTE_BYTES } from "../protocol/Limits.ts"
import type { ThreadKey } from "../ports/ThreadLog.ts"
import type { Decided } from "../thread/command.ts"
import type { OpenRun } from "../thread/control.ts"
import { timestampOf } from "../thread/transitions.ts"
import type { AskOptions, AskSchemas } from "./Ask.ts"
import { askDigest } from "./askDigest.ts"
import type { Hold } from "./hold.ts"
import { sizeOf, type Output } from "./Output.ts"
import type { RecordedCalls } from "./recordedCalls.ts"
import { AgentError } from "./RunAborted.ts"
import { jsonSchemaOf } from "./standardSchema.ts"

const DEFAULT_EXPIRY = "1 hour"
/** The longest that a timer runs; what expires later is looked at again then. */
const MAX_TIMER_MILLIS = 24 * 3_600_000
const MAX_EXPIRY_MILLIS = 100 * 366 * MAX_TIMER_MILLIS
/** What a note has room for, beside the input, which is kept in the entry. */
const MAX_SAID_BYTES = MAX_NOTE_BYTES - 2_048
/** How soon an expiry that the store's clock has not reached yet is looked at again. */
const AGAIN_MILLIS = 500

/** What kind of ask, and what is shown of it besides the options that all have. */
export interface AskSpec {
  readonly kind: AskOpened["kind"]
  readonly name?: string
  readonly input?: Json
  readonly options?: NonNullable<AskOpened["options"]>
  readonly prompt: string
}
export interface Resolved {
  readonly decided: Decided
  /** As it was opened, digest included. */
  readonly shown: AskOpened & { readonly digest: string }
}
export interface Asks {
  /** Asks once, and resolves when it is decided. */
  readonly ask: (spec: AskSpec, options: AskOptions) => Promise<Resolved>
  /** The run's place in control changed: asks that are not open any more were decided. */
  readonly see: (run: OpenRun) => void
}

export const makeAsks = (parts: {
  readonly thread: ThreadKey
  readonly message: Id
  readonly schemas: AskSchemas
  readonly calls: Pick<RecordedCalls, "open">
  readonly output: Pick<Output, "closing" | "withRun" | "step">
  readonly hold: Pick<Hold, "wait">
  /** An ask is not waited for any more when the run is cancelled. */
  readonly signal: AbortSignal
  readonly storeNow: () => number
  /** The note of the decision; `undefined` where there is none (any more). */
  readonly readDecision: (ask: Id) => Promise<Decided | undefined>
  /** Has the log decide what is past its expiry. */
  readonly sweep: () => void
  readonly after: (millis: number, then: () => void) => () => void
}): Asks => {
  const { after, output, schemas, signal, storeNow, thread } = parts
  const waiting = new Map<Id, (decided: Decided) => void>()
  let seen: OpenRun | undefined

  const look = (ask: Id) => {
    const settle = waiting.get(ask)
    if (settle === undefined || seen === undefined || seen.asks.some(({ id }) => id === ask)) return
    waiting.delete(ask)
    // a decision that was erased is one that nobody can rely on
    void parts.readDecision(ask).then(
      (decided) => settle(decided ?? { answer: { type: "withdrawn" }, at: 0 }),
      // the run is over: nobody waits any more
      () => {}
    )
  }
  const decisionOf = (ask: Id, expiresAt: number): Promise<Decided> =>
    new Promise((resolve, reject) => {
      let stop = () => {}
      const watch = (millis: number) => {
        stop = after(Math.min(millis, MAX_TIMER_MILLIS), () => {
          const left = expiresAt - storeNow()
          if (left <= 0) parts.sweep()
          watch(Math.max(left, AGAIN_MILLIS))
        })
      }
      waiting.set(ask, (decided) => {
        stop()
        signal.removeEventListener("abort", onAbort)
        resolve(decided)
      })
      const onAbort = () => {
        stop()
        reject(signal.reason as Error)
      }
      if (signal.aborted) return onAbort()
      signal.addEventListener("abort", onAbort, { once: true })
      watch(Math.max(0, expiresAt - storeNow()))
      look(ask)
    })

  /** The event as it is appended. */
  const show = (ask: Id, expiresAt: string, spec: AskSpec, options: AskOptions): Resolved["shown"] => {
    const { answerableBy, fourEyes, prompt = spec.prompt, reason } = options
    const schema = spec.name === undefined ? undefined : jsonSchemaOf(schemas[spec.name])
    const event = output.withRun({
      ...spec,
      type: "ask.opened",
      ask,
      prompt,
      expiresAt,
      ...(spec.kind === "tool" ? { call: ask } : {}),
      ...(schema === undefined ? {} : { schema }),
      ...(reason === undefined ? {} : { reason }),
      ...(answerableBy === undefined ? {} : { answerableBy }),
      ...(fourEyes === undefined ? {} : { fourEyes })
    }) as AskOpened
    return { ...event, digest: askDigest(thread, event) }
  }
  /** A tool that the client executes is shown as a call. */
  const callShown = (call: Id, { input = null, kind, name = "" }: AskSpec): readonly Event[] => {
    if (kind !== "tool") return []
    const step = output.step()
    const inMessage = step === undefined ? { message: parts.message } : { message: parts.message, step }
    return [
      output.withRun({ type: "tool.started", ...inMessage, call, name, executor: "client" }),
      output.withRun({ type: "tool.called", call, input })
    ]
  }

  return {
    see: (run) => {
      seen = run
      for (const ask of waiting.keys()) look(ask)
    },
    ask: async (spec, options) => {
      const { input, kind, name } = spec
      if (input !== undefined) sizeOf(input, `ask "${name}": input`)
      const millis = Duration.toMillis(Duration.fromInputUnsafe(options.expiresIn ?? DEFAULT_EXPIRY))
      if (!(millis > 0 && millis <= MAX_EXPIRY_MILLIS)) throw new TypeError("expiresIn must be a time to come")
      const {
        close,
        decided: before,
        id,
        said
      } = await parts.calls.open({
        kind,
        name: name ?? "",
        key: options.key,
        input: {
          kind,
          ...(name === undefined ? {} : { name }),
          ...(input === undefined ? {} : { input }),
          ...(spec.options === undefined ? {} : { options: spec.options as unknown as Json })
        },
        begin: (ask) => {
          const shown = show(ask, timestampOf(storeNow() + millis), spec, options)
          // as it was shown, whatever a later version of the program would show
          const { input: _, ...said } = shown
          return { events: [...output.closing(), ...callShown(ask, spec), shown], said: keep(said) }
        }
      })
      const shown = { ...(JSON.parse(said) as Resolved["shown"]), ...(input === undefined ? {} : { input }) }
      const decided =
        before === undefined
          ? await parts.hold.wait(decisionOf(id, Date.parse(shown.expiresAt)))
          : (before as unknown as Decided)
      await close(
        kind === "tool" ? [output.withRun({ type: "tool.finished", call: id, outcome: outcomeOf(decided) })] : undefined
      )
      return { decided, shown }
    }
  }
}
const keep = (said: object): string => {
  const text = JSON.stringify(said)
  if (Buffer.byteLength(JSON.stringify(text)) <= MAX_SAID_BYTES) return text
  throw new AgentError(`an ask's prompt, reason, options and schema take more than ${MAX_SAID_BYTES} bytes`)
}

const outcomeOf = ({ answer }: Decided): ToolOutcome => {
  switch (answer.type) {
    case "answered":
      return { type: "ok", output: answer.value }
    case "denied":
      return { type: "denied", ...(answer.reason === undefined ? {} : { reason: answer.reason }) }
    default:
      return { type: "failed", error: fault("APPROVAL_EXPIRED", "nobody answered in time") }
  }
}
