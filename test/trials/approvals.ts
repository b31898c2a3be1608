/**
 * Approvals with one thing changed between what was shown, what was approved and what is about to run: all refused.
 *
 * The real decision and the real check where the tool runs, fed with seeded random asks. As a program it prints one
 * JSON line: `node --conditions=throughline-source test/trials/approvals.ts [trials] [seed]`.
 */
import { makeAskFace } from "../../src/agent/askFace.ts"
import { askDigest, editDigest } from "../../src/agent/askDigest.ts"
import { ApprovalMismatch } from "../../src/agent/RunAborted.ts"
import type { AskOpened } from "../../src/protocol/Event.ts"
import type { Json } from "../../src/protocol/Json.ts"
import type { Decided } from "../../src/thread/command.ts"
import { emptyControl, type Control } from "../../src/thread/control.ts"
import { decide } from "../../src/thread/decide.ts"
import { randomJson, randomOf, type Random } from "../thread/generate.ts"

const THREAD = "acme/t1"
const NOW = 1_700_000_000_000

export interface ApprovalTrials {
  readonly trials: number
  /** With something changed, and let through all the same. */
  readonly accepted: number
  /** Without anything changed, and refused. */
  readonly genuineRefused: number
  readonly seed: number
}

const randomAsk = (random: Random, n: number): AskOpened => ({
  type: "ask.opened",
  run: `run-${n}`,
  ask: `ask-${random.int(1_000)}`,
  kind: "approval",
  prompt: random.pick(["Write?", "Send it?", "Löschen?"]),
  name: random.pick(["write", "send", "delete"]),
  input: { to: random.pick(["ann", "bob"]), amount: random.int(100), more: randomJson(random) },
  expiresAt: new Date(NOW + 1_000 + random.int(1_000_000)).toISOString(),
  ...(random.chance(0.5) ? { schema: { type: "object", properties: { amount: { type: "integer" } } } } : {}),
  ...(random.chance(0.5) ? { reason: "because" } : {}),
  ...(random.chance(0.3) ? { answerableBy: ["bob", "eve"] } : {}),
  ...(random.chance(0.3) ? { fourEyes: true } : {})
})

/** The value with one thing changed somewhere inside of it. */
const changed = (random: Random, value: Json): Json => {
  if (Array.isArray(value)) {
    if (value.length === 0 || random.chance(0.2)) return [...value, null]
    if (value.length > 1 && random.chance(0.2) && JSON.stringify(value[0]) !== JSON.stringify(value[1]))
      return [value[1]!, value[0]!, ...value.slice(2)]
    const at = random.int(value.length)
    return value.map((item, index) => (index === at ? changed(random, item as Json) : item))
  }
  if (typeof value === "object" && value !== null) {
    const keys = Object.keys(value)
    const key = keys.length === 0 || random.chance(0.2) ? `new${random.int(10)}` : random.pick(keys)
    const { [key]: old, ...rest } = value as Record<string, Json>
    if (old !== undefined && random.chance(0.2)) return rest
    return { ...rest, [key]: old === undefined ? null : changed(random, old) }
  }
  if (typeof value === "string")
    return random.pick([`${value} `, `${value}\u0301`, value === "" ? "x" : value.slice(1)])
  if (typeof value === "number") return random.pick([value + 1, -value - 1, String(value), value + 0.5])
  return value === null ? false : value === true ? 1 : "false"
}

/** Another ask, in one field. */
const otherAsk = (random: Random, ask: AskOpened): AskOpened => {
  const { type, ...fields } = ask
  const keys = [...Object.keys(fields), "options", "call"] as (keyof typeof fields)[]
  const key = random.pick(keys)
  const old = fields[key] as Json | undefined
  return { ...fields, type, [key]: old === undefined ? ["new"] : changed(random, old) } as unknown as AskOpened
}

const controlWith = (ask: AskOpened, digest: string): Control => ({
  ...emptyControl,
  runs: [
    {
      id: ask.run,
      agent: "a",
      status: "suspended",
      epoch: 1,
      acceptedAt: NOW - 1_000,
      due: NOW + 1_000,
      by: "ann",
      onWorkerLost: "fail",
      interrupts: [],
      asks: [{ id: ask.ask, kind: "approval", offset: 3, digest, expiresAt: Date.parse(ask.expiresAt) }]
    }
  ]
})
const isAccepted = (ask: AskOpened, digest: string, sent: string | undefined): boolean => {
  const interrupt = {
    kind: "answer",
    id: "i",
    run: ask.run,
    ask: ask.ask,
    answer: { type: "approved" },
    ...(sent === undefined ? {} : { digest: sent })
  } as const
  const context = { now: NOW, offset: 5, notes: new Map<string, Json>() }
  const decision = decide(controlWith(ask, digest), { type: "interrupt", by: "bob", interrupt, digest: "d" }, context)
  return decision.type === "append" && decision.answer.type === "verdict" && decision.answer.verdict.type === "accepted"
}

/** Whether the tool would run with `input`, where `decided` is what the log holds. */
const isAllowed = async (shown: AskOpened, digest: string, decided: Decided, name: string, input: Json) => {
  const { allow, ask } = makeAskFace({
    thread: THREAD,
    schemas: {},
    asks: { ask: async () => ({ decided, shown: { ...shown, digest } }) },
    readDecision: async () => decided
  })
  try {
    const approval = await ask.approval({ tool: shown.name!, input: shown.input as never })
    await allow(approval, name, input)
    return true
  } catch (error) {
    if (error instanceof ApprovalMismatch) return false
    throw error
  }
}

const tampered = (random: Random, digest: string): string | undefined => {
  const at = random.int(digest.length)
  const letter = digest[at] === "A" ? "B" : "A"
  return random.pick([
    digest.slice(0, at) + letter + digest.slice(at + 1),
    digest.slice(0, at),
    `${digest}A`,
    digest.toLowerCase() === digest ? digest.toUpperCase() : digest.toLowerCase(),
    "",
    undefined
  ])
}

export const approvalTrials = async (trials: number, seed: number): Promise<ApprovalTrials> => {
  const random = randomOf(seed)
  let accepted = 0
  let genuineRefused = 0
  for (let n = 0; n < trials; n++) {
    const shown = randomAsk(random, n)
    const digest = askDigest(THREAD, shown)
    const name = shown.name!
    const input = shown.input as Json
    const approved: Decided = { answer: { type: "approved" }, digest, at: NOW }
    switch (random.int(5)) {
      case 0:
        if (isAccepted(shown, digest, askDigest(THREAD, otherAsk(random, shown)))) accepted++
        break
      case 1:
        if (isAccepted(shown, digest, tampered(random, digest))) accepted++
        break
      case 2:
        if (await isAllowed(shown, digest, approved, name, changed(random, input))) accepted++
        break
      case 3: {
        // what was shown is not what was approved: the log holds the digest of something else
        const other = otherAsk(random, shown)
        const forged = { ...approved, digest: askDigest(THREAD, other) }
        if (await isAllowed(shown, digest, forged, name, input)) accepted++
        break
      }
      default: {
        const edited = changed(random, input)
        const decided: Decided = {
          answer: { type: "approved", input: edited },
          digest: editDigest(digest, edited),
          at: NOW
        }
        if (await isAllowed(shown, digest, decided, name, changed(random, edited))) accepted++
        if (n % 50 === 4 && !(await isAllowed(shown, digest, decided, name, edited))) genuineRefused++
      }
    }
    if (n % 50 === 0) {
      if (!isAccepted(shown, digest, digest)) genuineRefused++
      if (!(await isAllowed(shown, digest, approved, name, input))) genuineRefused++
    }
  }
  return { trials, accepted, genuineRefused, seed }
}

if (process.argv[1] === import.meta.filename) {
  const [trials = "1000000", seed = "1"] = process.argv.slice(2)
  console.log(JSON.stringify(await approvalTrials(Number(trials), Number(seed))))
}
