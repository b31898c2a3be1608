/** What clients showed must be pieces of one log each, and their views its fold. PROTOCOL.md#order, PROTOCOL.md#view */
import type { View } from "../protocol/View.ts"
import type { ClientRecord, Report, Shown } from "./historyRecords.ts"
import type { CheckedLog } from "./historyLog.ts"

export const checkClients = (
  clients: readonly ClientRecord[],
  logs: readonly CheckedLog[],
  healed: boolean,
  report: Report
): void => {
  const taken: { readonly who: string; readonly at: Shown | View; readonly view: View }[] = []
  for (const { client, shown, view } of clients) {
    let position: Shown | undefined
    for (const each of shown) {
      if (each.type === "view") {
        if (each.view !== undefined) taken.push({ who: `the view that ${client} took`, at: each, view: each.view })
      } else checkEntry(client, position, each, logs, report)
      position = each
    }
    if (view === undefined) continue
    taken.push({ who: `the view of ${client}`, at: view, view })
    const current = logs.at(-1)
    const last = current?.entries.at(-1)
    const isThere =
      last === undefined ? view.offset === 0 : view.logId === current?.logId && view.offset === last.offset
    if (healed && current !== undefined && !isThere)
      report(
        "caught-up",
        `${client} is at ${view.logId}/${view.offset}, the log at ${current.logId}/${last?.offset ?? 0}`
      )
  }
  // one fold for all views
  for (const log of logs) {
    const here = taken.filter(({ at }) => at.logId === log.logId)
    const views = log.views(here.map(({ at }) => at.offset))
    for (const { at, view, who } of here) {
      const expected = views.get(at.offset)
      if (expected === undefined) report("gapless", `${who} is at ${at.offset}, where the log has no entry`)
      else if (!sameJson(view, expected)) report("same-view", `${who} at ${at.offset} is not the fold of the log`)
    }
  }
  for (const { at, who } of taken) {
    if (at.logId !== "" && !logs.some((log) => log.logId === at.logId))
      report("gapless", `${who} is of log ${at.logId}, which never was`)
  }
}

const checkEntry = (
  client: string,
  before: Shown | undefined,
  entry: Shown & { readonly type: "entry" },
  logs: readonly CheckedLog[],
  report: Report
) => {
  const where = `${entry.logId}/${entry.offset}`
  // an empty thread has no log yet
  const other = before !== undefined && before.logId !== entry.logId && (before.logId !== "" || before.offset > 0)
  if (before !== undefined && (other || before.offset + 1 !== entry.offset))
    report("gapless", `${client} applied ${where} after ${before.logId}/${before.offset}`)
  const stored = logs.find((log) => log.logId === entry.logId)?.entries[entry.offset - 1]
  if (stored === undefined || stored.id !== entry.id)
    return report("gapless", `${client} applied ${where} (${entry.id}), which is not in the log`)
  if (entry.text !== undefined && entry.text !== stored.body)
    report("same-bytes", `what ${client} applied at ${where} is not what the log has there`)
}

/** Equal text is the rule; keys in another order make no other view. */
const sameJson = (view: View, expected: string): boolean =>
  JSON.stringify(view) === expected || sorted(view) === sorted(JSON.parse(expected))
const sorted = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner
  )
