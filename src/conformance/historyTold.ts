/**
 * What people were told must be what the log says: an acknowledged effect is there once, at its offset; a refusal by
 * state is recorded; whatever was not acknowledged is there once or not at all. PROTOCOL.md#idempotency
 */
import type { Fault } from "../protocol/Fault.ts"
import type { Report, Told } from "./historyRecords.ts"
import { interruptKey, type CheckedLog } from "./historyLog.ts"

/** Refusals by state: recorded, and the same for ever. */
const RECORDED = new Set([
  "RUN_TERMINAL",
  "ASK_CLOSED",
  "APPROVAL_EXPIRED",
  "APPROVAL_MISMATCH",
  "APPROVAL_ALREADY_DECIDED"
])

export const checkTold = (told: readonly Told[], logs: readonly CheckedLog[], report: Report): void => {
  for (const log of logs) {
    for (const [message, offsets] of log.messages) {
      if (offsets.length > 1) report("one-effect", `message ${message} was posted at ${offsets.join(" and ")}`)
    }
  }
  for (const one of told) {
    const { answer } = one
    if (answer === undefined) continue
    if (answer.ok) checkAcknowledged(one, answer.offset, logs, report)
    else if (one.type === "interrupt") checkRefused(one, answer.error, logs, report)
  }
}

const checkAcknowledged = (one: Told, offset: number, logs: readonly CheckedLog[], report: Report) => {
  const missing = (what: string) => report("acknowledged", `${one.by} was told ${what} is at ${offset}; it is not`)
  switch (one.type) {
    case "post":
      if (!logs.some((log) => log.messages.get(one.message.id)?.includes(offset))) missing(`message ${one.message.id}`)
      return
    case "start": {
      const log = logs.find(({ runs }) => runs.get(one.start.id)?.acceptedAt.includes(offset))
      const { id, message } = one.start
      if (log === undefined) missing(`run ${id}`)
      else if (message !== undefined && !log.messages.get(message.id)?.includes(offset))
        missing(`message ${message.id}`)
      return
    }
    case "interrupt": {
      const { id, kind, run } = one.interrupt
      const key = interruptKey(run, id)
      const found = logs.map(({ interrupts }) => interrupts.get(key)).filter((received) => received?.offset === offset)
      if (found.length === 0) return missing(`${kind} ${id}`)
      if (!found.some((received) => received!.verdict.type === "accepted"))
        report("one-verdict", `${one.by} was told that ${kind} ${id} is accepted; the log says it is refused`)
    }
  }
}

const checkRefused = (
  one: Extract<Told, { readonly type: "interrupt" }>,
  { code }: Fault,
  logs: readonly CheckedLog[],
  report: Report
) => {
  if (!RECORDED.has(code)) return
  const { id, kind, run } = one.interrupt
  const key = interruptKey(run, id)
  const verdicts = logs.flatMap(({ interrupts }) => interrupts.get(key)?.verdict ?? [])
  const same = verdicts.some((verdict) => verdict.type === "refused" && verdict.error.code === code)
  if (!same) report("one-verdict", `${one.by} was told ${code} for ${kind} ${id}; the log does not say so`)
}
