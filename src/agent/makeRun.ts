/** Assembles the `Run` handle of one execution from its pieces: output, recorded calls, steering, state. */
import type { Id, PatchOperation, ToolOutcome, Usage } from "../protocol/Event.ts"
import { fault } from "../protocol/Fault.ts"
import type { Json } from "../protocol/Json.ts"
import { assertJson } from "../protocol/JsonValue.ts"
import { MAX_ENTRY_BYTES } from "../protocol/Limits.ts"
import type { View } from "../protocol/View.ts"
import { applyPatch } from "../thread/patch.ts"
import type { Agent } from "./defineAgent.ts"
import { historyOf } from "./history.ts"
import { sizeOf, type Output, type Said } from "./Output.ts"
import type { AskFace } from "./askFace.ts"
import type { Hold } from "./hold.ts"
import type { RecordedCalls } from "./recordedCalls.ts"
import { usedKey } from "./recordedNotes.ts"
import type { Run, StateDoc, Steering, StreamAdapter, ToolContext } from "./Run.ts"
import { AgentError, Denied } from "./RunAborted.ts"
import { checkNow } from "./standardSchema.ts"

/** Units of a tool's shown output; more does not fit an entry for certain. */
const SHOWN_UNITS = Math.floor(MAX_ENTRY_BYTES / 6) - 1_024
const HISTORY_LIMIT = 100

export interface RunParts {
  readonly facts: Pick<Run, "id" | "thread" | "epoch" | "by" | "tags" | "deadline" | "context" | "message">
  /** Where the run began, for its history. */
  readonly start: Parameters<typeof historyOf>[1]
  readonly agent: Agent
  readonly signal: AbortSignal
  readonly output: Output
  readonly calls: RecordedCalls
  readonly nextId: () => Id
  /** The thread's view now. */
  readonly view: () => Promise<View>
  readonly takeSteering: () => readonly Steering[]
  readonly addUsage: (usage: Usage) => void
  readonly callChild: (agent: Agent, input: Json, key: string) => Promise<Json | void>
  readonly asking: AskFace
  readonly fly: Hold["fly"]
}

export const makeRun = (parts: RunParts): Run => {
  const { agent, asking, calls, facts, nextId, output, signal } = parts
  const { message } = facts
  const { say } = output
  const docs = new Map<string, Json>()

  const inMessage = () => {
    const step = output.step()
    return step === undefined ? { message } : { message, step }
  }
  /** The approved call, or the denied one, shown as such. */
  const approvedTool = async (
    reserved: string | undefined,
    ...[name, input, execute, { approve, ...options } = {}]: Parameters<Run["tool"]>
  ) => {
    const approval = await asking.ask.approval({ tool: name, input, ...(approve === true ? {} : approve) })
    if (approval.approved) return allowedTool(reserved, name, approval.input, execute, { ...options, approval })
    const { reason = approval.why, why } = approval
    const call = nextId()
    say(
      { type: "tool.started", ...inMessage(), call, name, executor: "agent" },
      { type: "tool.finished", call, outcome: { type: "denied", reason } }
    )
    throw new Denied(name, why, approval.reason)
  }

  const tool: Run["tool"] = async (...call) => {
    const [name, , , options] = call
    // counted where the call is made: approvals come in any order
    const reserved = options?.key === undefined ? calls.keyOf("tool", name, undefined) : undefined
    const plain = call as unknown as Parameters<Run["tool"]>
    if (options?.approve === undefined) return (await allowedTool(reserved, ...plain)) as never
    // one flight: between its approval and its beginning the call is under way, and does not wait
    return (await parts.fly(() => approvedTool(reserved, ...plain))) as never
  }

  const allowedTool = async (
    reserved: string | undefined,
    ...[name, input, execute, options]: Parameters<Run["tool"]>
  ): Promise<Json | void> => {
    sizeOf(input, `tool "${name}": input`)
    const { approval } = options ?? {}
    const allowed = approval === undefined ? {} : { digest: await asking.allow(approval, name, input) }
    const shownOf = (result: unknown): Json | undefined => {
      const shown = options?.show === undefined ? result : options.show(result as never)
      if (shown === undefined) return undefined
      assertJson(shown, `tool "${name}": output`)
      const units = JSON.stringify(shown).length
      if (units <= SHOWN_UNITS) return shown
      throw new AgentError(
        `the output of "${name}" has ${units} characters; at most ${SHOWN_UNITS} are shown: pass \`show\` to show less`
      )
    }
    let shown: Json | undefined
    return calls.perform({
      kind: "tool",
      name,
      key: options?.key,
      reserved,
      idempotent: options?.idempotent,
      input: { name, input },
      begin: (call) => {
        const title = options?.title === undefined ? {} : { title: options.title }
        return [
          ...output.closing(),
          output.withRun({ type: "tool.started", ...inMessage(), call, name, executor: "agent", ...title }),
          output.withRun({ type: "tool.called", call, input, ...allowed })
        ]
      },
      notes: (call) => (approval === undefined ? [] : [{ key: usedKey(facts.id, approval.ask), value: { call } }]),
      body: async (call, key) => {
        const context: ToolContext = {
          signal,
          key,
          call,
          progress: (progress) => say({ type: "tool.progress", call, ...progress })
        }
        const answer = (await execute(input, context)) as Json | void
        shown = shownOf(answer)
        return answer
      },
      end: (call, ended) => [
        output.withRun({ type: "tool.finished", call, outcome: outcomeOf(name, ended, shown, signal) })
      ],
      unknown: (call, key) => [output.withRun({ type: "tool.finished", call, outcome: { type: "unknown", key } })]
    })
  }

  const step: Run["step"] = async (name, body, options) => {
    const parent = output.step()
    const result = await calls.perform({
      kind: "step",
      name,
      key: options?.key,
      idempotent: options?.idempotent,
      input: { name },
      begin: (id) => [
        ...output.closing(),
        output.withRun({ type: "step.started", step: id, name, ...(parent === undefined ? {} : { parent }) })
      ],
      body: async (id, key) => (await output.inStep(id, () => body({ signal, key }))) as Json | void,
      end: (id, ended) => [
        ...output.closing(),
        output.withRun({ type: "step.finished", step: id, outcome: "error" in ended ? "failed" : "completed" })
      ],
      unknown: (id) => [output.withRun({ type: "step.finished", step: id, outcome: "failed" })]
    })
    return result as never
  }

  const state = (doc = "state"): StateDoc => {
    const get = async (): Promise<Json> => {
      if (!docs.has(doc)) {
        const { state: saved } = await parts.view()
        // what was set while the view was read is newer
        if (docs.has(doc)) return docs.get(doc)!
        // what a replayed run reads holds what it is about to patch already
        if (output.silent) return saved[doc] ?? null
        docs.set(doc, saved[doc] ?? null)
      }
      return docs.get(doc) ?? null
    }
    return {
      get,
      set: (value) => {
        say({ type: "state.snapshot", doc, value })
        docs.set(doc, value)
      },
      patch: async (operations: readonly PatchOperation[]) => {
        // replayed: its shape is checked and nothing is said; only on what this epoch set can it be applied
        if (output.silent && !docs.has(doc)) return say({ type: "state.delta", doc, patch: operations })
        const patched = applyPatch(await get(), operations)
        if (!patched.ok) throw Object.assign(new TypeError(patched.fault.message), { fault: patched.fault })
        say({ type: "state.delta", doc, patch: operations })
        docs.set(doc, patched.value)
      }
    }
  }

  const run: Run = {
    ...facts,
    signal,
    history: async (options) => historyOf(await parts.view(), parts.start, options?.limit ?? HISTORY_LIMIT),
    status: (label, options) => say({ type: "run.status", label, ...options }),
    text: (delta, options) => output.text(delta, options?.citations),
    reasoning: (delta, options) => output.reasoning(delta, options?.visible ?? "full"),
    step,
    tool,
    state,
    emit: (name, value, options) => {
      const schema = agent.events[name]
      if (schema === undefined) throw new TypeError(`agent "${agent.name}" declares no event "${name}"`)
      const checked = checkNow(schema, value)
      if (!checked.ok)
        throw Object.assign(new TypeError(`event "${name}": ${checked.fault.message}`), { fault: checked.fault })
      say({ type: "custom", name, value: checked.value as Json, ...options })
    },
    file: (file) => {
      const id = nextId()
      say({ type: "file.added", file: id, ...inMessage(), ...file })
      return id
    },
    source: ({ id, ...source }) => {
      const cited = id ?? nextId()
      say({ type: "source.cited", source: cited, ...inMessage(), ...source })
      return cited
    },
    usage: (counts) => {
      assertJson(counts, "usage")
      output.withRun({ type: "run.finished", outcome: { type: "completed" }, usage: [counts] })
      parts.addUsage(counts)
    },
    steered: async () => {
      const steering = parts.takeSteering()
      const current = output.step()
      for (const { interrupt } of steering) {
        const applied: Said = { type: "interrupt.applied", interrupt, outcome: { type: "applied" } }
        say(current === undefined ? applied : { ...applied, step: current })
      }
      return steering
    },
    call: async (child, input, options) => {
      assertJson(input, `call "${child.name}": input`)
      sizeOf(input, `call "${child.name}": input`)
      const key = calls.keyOf("call", child.name, options?.key)
      // agents are declared by `defineAgent`; the parameter's type only carries what goes in and out
      return (await parts.callChild(child as Agent, input, key)) as never
    },
    ask: asking.ask,
    checkpoint: calls.checkpoint,
    resumedFrom: calls.resumedFrom,
    pipe: async (stream, adapter) => {
      const use = (adapter ?? agent.pipe) as StreamAdapter<unknown, never> | undefined
      if (use === undefined) {
        throw new TypeError("run.pipe: pass an adapter, or declare the agent with `pipe`, such as `pipe: aiSdk`")
      }
      return parts.fly(() => use(stream, run))
    },
    raw: (event) => {
      say(event as unknown as Said)
      return output.room()
    }
  }
  return run
}

const outcomeOf = (
  name: string,
  ended: { readonly output: Json | void } | { readonly error: unknown },
  shown: Json | undefined,
  signal: AbortSignal
): ToolOutcome => {
  if (!("error" in ended)) return shown === undefined ? { type: "ok" } : { type: "ok", output: shown }
  if (signal.aborted) return { type: "cancelled" }
  return { type: "failed", error: faultOfError(ended.error, `the tool "${name}" failed`) }
}
/** What people are told of an error: its message only where the author meant it for them. */
export const faultOfError = (error: unknown, otherwise: string) =>
  error instanceof AgentError
    ? fault("AGENT_FAILED", error.message.slice(0, 2_000), { retryable: error.retryable })
    : fault("AGENT_FAILED", otherwise)
