/**
 * What tools really did: once for each key, not before it was durable that they begin, and what was approved.
 * PROTOCOL.md#recorded-calls, PROTOCOL.md#asks
 */
import canonicalize from "canonicalize"
import type { KnownEvent } from "../protocol/Event.ts"
import type { Report, SideEffect } from "./historyRecords.ts"
import type { CheckedAsk, CheckedLog } from "./historyLog.ts"

export const checkEffects = (effects: readonly SideEffect[], logs: readonly CheckedLog[], report: Report): void => {
  const times = new Map<string, number>()
  const used = new Set<string>()
  for (const effect of effects) {
    const { ask, call, idempotent, key, run } = effect
    const whole = `${run}\0${key}`
    times.set(whole, (times.get(whole) ?? 0) + 1)
    // in another history the same run is another one
    const allowed = Math.max(1, logs.filter((log) => log.runs.has(run)).length)
    if (times.get(whole) === allowed + 1 && idempotent !== true) report("ran-once", `${key} ran more than once`)
    if (call !== undefined) checkBegun(effect, call, logs, report)
    if (ask === undefined) continue
    if (used.has(ask) && times.get(whole) === 1) report("as-shown", `ask ${ask} allowed more than one call`)
    used.add(ask)
    const found = logs.map((log) => log.asks.get(ask)).find((asked) => asked !== undefined)
    if (found === undefined) report("as-shown", `${key} ran by ask ${ask}, which is not in the log`)
    else checkApproved(effect, found, report)
  }
  if (effects.length === 0) return
  const ran = new Set(effects.map(({ call }) => call))
  const recorders = new Set(effects.map(({ run }) => run))
  for (const log of logs) {
    for (const [id, call] of log.calls) {
      // only of runs whose tools are known to record what they do
      if (call.outcome === "ok" && call.executor === "agent" && recorders.has(call.run) && !ran.has(id))
        report("ran-once", `call ${id} of run ${call.run} has a result and never ran`)
    }
  }
}

const checkBegun = ({ head, key }: SideEffect, id: string, logs: readonly CheckedLog[], report: Report) => {
  const call = logs.map(({ calls }) => calls.get(id)).find((found) => found !== undefined)
  if (call?.calledAt === undefined) report("begun-first", `${key} ran, and that call ${id} begins is not in the log`)
  else if (head !== undefined && logs.length === 1 && firstCalled(logs[0]!, id) > head)
    report("begun-first", `${key} ran when the log ended at ${head}, before call ${id} began`)
}
/** Offset of the first `tool.called`. */
const firstCalled = ({ entries }: CheckedLog, id: string): number => {
  for (const { body, offset } of entries) {
    if (!body.includes(id)) continue
    const { events } = JSON.parse(body) as { readonly events: readonly KnownEvent[] }
    if (events.some((event) => event.type === "tool.called" && event.call === id)) return offset
  }
  return Infinity
}

const checkApproved = (
  { input, key }: SideEffect,
  { opened, resolved }: CheckedAsk & { readonly opened: { readonly input?: unknown } },
  report: Report
) => {
  if (resolved?.answer.type !== "approved")
    return report("as-shown", `${key} ran and ask ${opened.ask} was not approved`)
  const approved = resolved.answer.input ?? opened.input
  if (input !== undefined && approved !== undefined && canonicalize(input) !== canonicalize(approved))
    report("as-shown", `${key} ran with another input than ask ${opened.ask} approved`)
}
