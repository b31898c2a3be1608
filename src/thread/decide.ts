/**
 * The thread's state machine: whether a command may be appended now, as which events, and what is open then.
 *
 * Pure and total. The writer decides right before each append, against the newest control, and anew after every
 * conflict; so two writers that race are decided in log order, and everyone agrees. PROTOCOL.md#decide
 */
import { fault } from "../protocol/Fault.ts"
import type { Json, JsonObject } from "../protocol/Json.ts"
import { MAX_CONTROL_BYTES } from "../protocol/Limits.ts"
import { askKey, type Command, type DecideContext, type Decision } from "./command.ts"
import { emptyControl, type Control } from "./control.ts"
import { decideErase, erasedKey } from "./decideErase.ts"
import { decideInterrupt } from "./decideInterrupt.ts"
import { decideRevoke } from "./decideRevoke.ts"
import { decideEmit, decideTake } from "./decideRun.ts"
import { decidePost, decideStart } from "./decideStart.ts"
import { decideSweep } from "./decideSweep.ts"
import { jsonBytes } from "./recorded.ts"
import { refuse } from "./transitions.ts"

/**
 * Decides one command.
 *
 * - Shape: `command` was checked before (shape, size, rights); here only state decides
 * - Answer: `append` keeps the identity of `control` when nothing in it changed
 */
export const decide = (control: Control, command: Command, context: DecideContext): Decision => {
  const decision = dispatch(control, command, context)
  if (decision.type !== "append" || decision.control === control) return decision
  const limit = roomFor(command)
  const bytes = jsonBytes(decision.control, limit)
  // what makes control smaller is never refused for its size
  if (bytes <= limit || bytes <= jsonBytes(control, 0)) return decision
  return refuse(
    fault("TOO_MANY", "too much is open in this thread; wait for runs to end", { limit: MAX_CONTROL_BYTES })
  )
}

const dispatch = (control: Control, command: Command, context: DecideContext): Decision => {
  switch (command.type) {
    case "post":
      return decidePost(control, command, context)
    case "start":
      return decideStart(control, command, context)
    case "interrupt":
      return decideInterrupt(control, command, context)
    case "take":
      return decideTake(control, command, context)
    case "emit":
      return decideEmit(control, command, context)
    case "sweep":
      return decideSweep(control, command, context)
    case "revoke":
      return decideRevoke(control, command)
    case "erase":
      return decideErase(control, command, context)
  }
}

/** Room is kept for what must still be possible in a crowded thread: to cancel, take, suspend and end runs. */
const roomFor = (command: Command): number => {
  if (command.type === "start") return MAX_CONTROL_BYTES * 0.75
  const isMore =
    command.type === "interrupt"
      ? command.interrupt.kind !== "cancel"
      : command.type === "emit" && command.events.some(({ type }) => type === "ask.opened")
  if (isMore) return MAX_CONTROL_BYTES * 0.875
  return MAX_CONTROL_BYTES
}

/** Notes that must be read before deciding, and handed over in `context.notes` where they exist. */
export const noteKeys = (command: Command): readonly string[] => {
  switch (command.type) {
    case "post":
      return [`message/${command.message.id}`]
    case "start":
      return command.start.message === undefined
        ? [`run/${command.start.id}`]
        : [`run/${command.start.id}`, `message/${command.start.message.id}`]
    case "interrupt": {
      const { interrupt } = command
      const key = `interrupt/${interrupt.id}`
      const keys = [key, erasedKey(key), `run/${interrupt.run}`]
      return interrupt.kind === "answer" ? [...keys, askKey(interrupt.run, interrupt.ask)] : keys
    }
    case "erase":
      return command.kept.map(({ key }) => key)
    default:
      return []
  }
}

/** The head's control is not one that this version can read: newer, or damaged. Nothing may be appended. */
export class ControlUnreadable extends Error {
  readonly code = "STORE_CORRUPT"
  constructor(problem: string) {
    super(`the thread's control cannot be read: ${problem}`)
    this.name = "ControlUnreadable"
  }
}

const STATUSES: readonly unknown[] = ["queued", "waiting", "running", "suspended"]
const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)
const isRun = (run: Json): boolean =>
  isObject(run) &&
  ["id", "agent", "by"].every((key) => typeof run[key] === "string") &&
  ["epoch", "acceptedAt", "due"].every((key) => typeof run[key] === "number") &&
  STATUSES.includes(run["status"]) &&
  ["interrupts", "asks"].every((key) => {
    const list = run[key]
    return Array.isArray(list) && list.every((item: Json) => isObject(item) && typeof item["id"] === "string")
  }) &&
  (run["asks"] as readonly JsonObject[]).every(({ digest }) => digest === undefined || typeof digest === "string")

/** Reads a head's control; unknown fields are kept. Throws `ControlUnreadable`. */
export const decodeControl = (json: Json): Control => {
  if (json === null) return emptyControl
  if (!isObject(json)) throw new ControlUnreadable("it is not an object")
  if (json["v"] !== 1) throw new ControlUnreadable("its version is unknown")
  if (typeof json["generation"] !== "number") throw new ControlUnreadable("generation is not a number")
  const runs = json["runs"]
  if (!Array.isArray(runs)) throw new ControlUnreadable("runs is not an array")
  const bad = runs.findIndex((run: Json) => !isRun(run))
  if (bad >= 0) throw new ControlUnreadable(`runs[${bad}] is not a run`)
  return json as unknown as Control
}
