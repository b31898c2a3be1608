/**
 * Agents that do what their input says, so that a plan decides it: text, tools, steps, steering, children, mistakes.
 *
 * Each tool tells what it really did, whatever becomes of its answer.
 */
import type { StandardSchemaV1 } from "@standard-schema/spec"
import type { Json, JsonObject } from "../../src/protocol/Json.ts"
import { defineAgent, type Agent, type AgentOptions } from "../../src/agent/defineAgent.ts"
import type { CustomEvents, Run, ToolContext } from "../../src/agent/Run.ts"
import type { AskSchemas } from "../../src/agent/Ask.ts"
import { AgentError, Denied } from "../../src/agent/RunAborted.ts"
import type { Stage } from "./process.ts"

export type Op =
  | { readonly op: "text" | "think"; readonly text: string }
  | { readonly op: "status" | "state" | "listen" | "history" | "source"; readonly text: string }
  | { readonly op: "wait"; readonly millis: number; readonly heedless?: boolean }
  | {
      readonly op: "tool"
      readonly name: string
      readonly millis: number
      readonly idempotent?: boolean
      readonly fails?: boolean
    }
  | { readonly op: "step"; readonly name: string; readonly ops: readonly Op[] }
  | { readonly op: "child"; readonly agent: string; readonly ops: readonly Op[] }
  | { readonly op: "fail" | "checkpoint"; readonly text: string }
  | {
      /** `approval`: asks, then runs the tool by it; `tool`: the tool asks by itself; the rest only ask. */
      readonly op: "approval" | "tool that asks" | "input" | "choice" | "client tool"
      readonly name: string
      readonly expires: number
      readonly fourEyes?: boolean
    }

/** Names of what agents say and of the tools they use. */
export const WORDS = ["tide", "ember", "willow", "quartz", "harbor", "saffron"]
const anything: StandardSchemaV1<JsonObject, JsonObject> = {
  "~standard": { version: 1, vendor: "simulation", validate: (value) => ({ value: value as JsonObject }) }
}
const result: StandardSchemaV1<Json, Json> = {
  "~standard": { version: 1, vendor: "simulation", validate: (value) => ({ value: value as Json }) }
}

type Stager = Run<CustomEvents, Stage, AskSchemas>
/** Whatever people say, or do not say, the agent goes on; only what was approved is done. */
const askPeople = async (run: Stager, op: Extract<Op, { readonly expires: number }>): Promise<void> => {
  const { name } = op
  const options = { expiresIn: op.expires, ...(op.fourEyes === true ? { fourEyes: true } : {}) }
  const input = { name, amount: 1 }
  const execute =
    (ask?: string) =>
    async (allowed: Json, { call, key }: ToolContext) => {
      run.context.didRun({
        run: run.id,
        epoch: run.epoch,
        key,
        call,
        input: allowed,
        ...(ask === undefined ? {} : { ask })
      })
      await run.context.sleep(5, run.signal)
      return { did: name }
    }
  switch (op.op) {
    case "approval": {
      const approval = await run.ask.approval({ tool: name, input, ...options })
      if (approval.approved) await run.tool(name, approval.input, execute(approval.ask), { approval })
      else await run.text(`not approved: ${approval.why} `)
      return
    }
    case "tool that asks":
      await run.tool(name, input, execute(), { approve: options }).catch((error: unknown) => {
        if (!(error instanceof Denied)) throw error
      })
      return
    case "input": {
      const reply = await run.ask.input("amount", options)
      return run.text(reply.answered ? `got ${JSON.stringify(reply.value)} ` : `got none: ${reply.why} `)
    }
    case "choice": {
      const choices = [
        { id: "left", label: "Left" },
        { id: "right", label: "Right" }
      ]
      const reply = await run.ask.choice({ options: choices, ...options })
      return run.text(reply.answered ? `chose ${reply.value} ` : `chose none: ${reply.why} `)
    }
    case "client tool": {
      const reply = await run.ask.tool("amount", input, options)
      return run.text(reply.answered ? "the client did it " : `the client did not: ${reply.why} `)
    }
  }
}

const perform = async (run: Stager, ops: readonly Op[]): Promise<number> => {
  const { didRun, sleep } = run.context
  let done = 0
  for (const op of ops) {
    switch (op.op) {
      case "text":
        await run.text(`${op.text} `)
        break
      case "think":
        await run.reasoning(`${op.text} `)
        break
      case "status":
        run.status(op.text)
        break
      case "source":
        run.source({ title: op.text })
        break
      case "state":
        run.state().set({ said: op.text, epoch: run.epoch })
        break
      case "listen":
        for (const { text } of await run.steered()) await run.text(`heard ${text} `)
        break
      case "history":
        await run.history({ limit: 5 })
        break
      case "wait":
        await sleep(op.millis, op.heedless === true ? undefined : run.signal)
        break
      case "fail":
        throw new AgentError(op.text)
      case "checkpoint":
        await run.checkpoint(op.text)
        break
      case "approval":
      case "tool that asks":
      case "input":
      case "choice":
      case "client tool":
        await askPeople(run, op)
        break
      case "tool": {
        const { fails = false, idempotent = false, millis, name } = op
        const answer = run.tool(
          name,
          { name, millis },
          async (input, { call, key, progress, signal }) => {
            didRun({ run: run.id, epoch: run.epoch, key, call, input, idempotent })
            if (millis > 100) progress({ label: "working" })
            await sleep(millis, signal)
            if (fails) throw new AgentError(`${name} failed`)
            return { did: name }
          },
          { idempotent }
        )
        // an agent goes on after a tool that failed, and not after one whose outcome is not known
        await answer.catch((error: unknown) => {
          if (!(error instanceof AgentError)) throw error
        })
        break
      }
      case "step":
        await run.step(op.name, () => perform(run, op.ops))
        break
      case "child": {
        const answer = run.call({ name: op.agent, ...byName.get(op.agent) }, { ops: op.ops as unknown as Json })
        await answer.catch((error: unknown) => {
          if (!(error instanceof AgentError)) throw error
        })
        break
      }
    }
    done++
  }
  return done
}

type Options = Partial<
  Pick<
    AgentOptions<typeof anything, typeof result, CustomEvents, Stage, AskSchemas>,
    "onBusy" | "onWorkerLost" | "deadline" | "holdFor"
  >
>
const agent = (name: string, options: Options): Agent =>
  defineAgent<typeof anything, typeof result, CustomEvents, Stage, AskSchemas>({
    name,
    input: anything,
    output: result,
    asks: Object.fromEntries(["amount", ...WORDS].map((name) => [name, anything])),
    ...options,
    run: async (run, input) => ({ done: await perform(run as never, input["ops"] as unknown as readonly Op[]) })
  }) as Agent

export const AGENTS: readonly Agent[] = [
  agent("plain", { onBusy: "queue", holdFor: 0 }),
  agent("sturdy", { onBusy: "queue", onWorkerLost: "retry", holdFor: 300 }),
  agent("eager", { onBusy: "parallel", onWorkerLost: "retry", holdFor: 1_000 }),
  agent("newest", { onBusy: "replace", holdFor: 100 }),
  agent("solo", { onBusy: "reject", onWorkerLost: "retry" }),
  agent("hasty", { onBusy: "queue", onWorkerLost: "retry", deadline: 4_000 })
]
const byName = new Map(AGENTS.map((one) => [one.name, one]))
