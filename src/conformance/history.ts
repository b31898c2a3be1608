/**
 * The history checker: what must be true of a recorded history, whatever failed meanwhile.
 *
 * Simulations, tests with real processes and conformance record the same history. Pure: each invariant that does not hold
 * is a breach that says who saw what. Each thread is checked by itself. Rules: PROTOCOL.md
 */
import { checkClients } from "./historyClients.ts"
import { checkEffects } from "./historyEffects.ts"
import { readLog, type CheckedLog } from "./historyLog.ts"
import type { Breach, History, Report } from "./historyRecords.ts"
import { checkTold } from "./historyTold.ts"

export const checkHistory = (history: History): readonly Breach[] => {
  const breaches: Breach[] = []
  const threads = new Map<string, CheckedLog[]>()
  const reportOf =
    (thread: string): Report =>
    (invariant, problem) =>
      breaches.push({ invariant, thread, problem })
  const logsOf = (thread: string) => {
    const known = threads.get(thread) ?? []
    threads.set(thread, known)
    return known
  }
  for (const log of history.logs) logsOf(log.thread).push(readLog(log, reportOf(log.thread)))
  const byThread = <T extends { readonly thread: string }>(records: readonly T[], thread: string) =>
    records.filter((record) => record.thread === thread)
  for (const record of [...history.clients, ...history.told, ...history.effects]) logsOf(record.thread)
  for (const [thread, logs] of threads) {
    const report = reportOf(thread)
    checkClients(byThread(history.clients, thread), logs, history.healed, report)
    checkTold(byThread(history.told, thread), logs, report)
    checkEffects(byThread(history.effects, thread), logs, report)
    if (!history.healed) continue
    for (const run of logs.at(-1)?.runs.values() ?? []) {
      if (run.finishedAt === undefined) report("ended", `run ${run.id} was accepted and has not ended`)
    }
    for (const run of history.open?.[thread] ?? []) report("nothing-open", `run ${run.id} is still ${run.status}`)
  }
  return breaches
}
