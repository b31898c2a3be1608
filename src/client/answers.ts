/**
 * Checks what the backend answers about a thread before anything is folded from it: pages of the log, views.
 *
 * Never throws. A page is good up to its first bad entry; the rest is left to the view.
 */
import type { Entry } from "../protocol/Entry.ts"
import type { EntriesPage } from "../protocol/Exchange.ts"
import type { ViewPage } from "../protocol/View.ts"
import type { CheckedPage, Plan } from "../thread/order.ts"
import { isFrame } from "./frame.ts"
import type { Answer, Request } from "./http.ts"
import { badAnswer } from "./http.ts"
import type { Failed } from "../protocol/Exchange.ts"

/** What the two routes that are read say of their position. */
const isPlace = (value: { readonly offset?: unknown; readonly id?: unknown } | null | undefined) =>
  Number.isSafeInteger(value?.offset) && typeof value?.id === "string"

/** One page after `place`; what is absent or `""` there is not sent. */
export const fetchPage = async (
  request: Request,
  thread: string,
  place: Pick<Plan & { readonly type: "entries" }, "after" | "id" | "logId" | "limit">,
  attempts?: number
): Promise<
  | {
      readonly ok: true
      readonly page: CheckedPage
      /** It ends before an entry that cannot be read. */ readonly cut: boolean
    }
  | Failed
> => {
  const { after, id, limit, logId } = place
  const query = Object.entries({ after, id, log: logId, limit })
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([name, value]) => `${name}=${encodeURIComponent(value!)}`)
  const answer = await request(thread, `entries?${query.join("&")}`, undefined, attempts)
  if (!answer.ok) return answer
  const { entries, head, logId: log, more } = answer.body as EntriesPage
  if (typeof log !== "string" || !isPlace(head) || !Array.isArray(entries)) return badAnswer("a page of entries")
  const bad = entries.findIndex((entry) => !isFrame(entry) || !("events" in entry) || entry.thread !== thread)
  const good = (bad < 0 ? entries : entries.slice(0, bad)) as readonly Entry[]
  return { ok: true, page: { logId: log, head, entries: good, more: bad >= 0 || more }, cut: bad >= 0 }
}

/** `before`: the cursor of the page of older messages, or nothing for the newest view. */
export const fetchView = async (
  request: Request,
  thread: string,
  before?: string,
  attempts?: number
): Promise<{ readonly ok: true; readonly page: ViewPage } | Failed> => {
  const answer: Answer = await request(
    thread,
    before === undefined ? "view" : `view?before=${encodeURIComponent(before)}`,
    undefined,
    attempts
  )
  if (!answer.ok) return answer
  const page = answer.body as ViewPage
  const { view } = page
  const whole =
    isPlace(view) &&
    typeof view.logId === "string" &&
    [view.messages, view.runs, view.asks].every(Array.isArray) &&
    typeof view.state === "object"
  return whole ? { ok: true, page } : badAnswer("a view")
}
