/**
 * Checks what the backend answers about a thread before anything is folded from it: pages of the log, views.
 *
 * Never throws. A page is good up to its first bad entry; the rest is left to the view.
 */
import type { EntriesPage, Failed } from "../protocol/Exchange.ts"
import type { ViewPage } from "../protocol/View.ts"
import type { CheckedPage, Plan } from "../thread/order.ts"
import { isFrame } from "./frame.ts"
import type { Request } from "./http.ts"
import { badAnswer } from "./http.ts"

/** What the two routes that are read say of their position. */
const isPlace = (value: { readonly offset?: unknown; readonly id?: unknown } | null | undefined, logId: unknown) =>
  Number.isSafeInteger(value?.offset) && typeof value?.id === "string" && typeof logId === "string"

type Fetched<T> = Promise<({ readonly ok: true } & T) | Failed>
/** Where a page begins; what is `""` there is not sent. */
type Place = Pick<Plan & { readonly type: "entries" }, "after" | "id" | "logId" | "limit">

/** One page after `place`. `cut`: it ends before an entry that cannot be read. */
export const fetchPage = async (
  request: Request,
  thread: string,
  { after, id, limit, logId }: Place,
  attempts?: number
): Fetched<{ readonly page: CheckedPage; readonly cut: boolean }> => {
  const query = new URLSearchParams({
    after: `${after}`,
    ...(id && { id }),
    ...(logId && { log: logId }),
    ...(limit && { limit: `${limit}` })
  })
  const answer = await request(thread, `entries?${query}`, undefined, attempts)
  if (!answer.ok) return answer
  const page = answer.body as EntriesPage & CheckedPage
  if (!isPlace(page.head, page.logId) || !Array.isArray(page.entries)) return badAnswer("a page")
  const bad = page.entries.findIndex((entry) => !isFrame(entry) || !("events" in entry) || entry.thread !== thread)
  const cut = bad >= 0
  return { ok: true, page: cut ? { ...page, entries: page.entries.slice(0, bad), more: true } : page, cut }
}

/** `query`: `""` for the newest view. */
export const fetchView = async (
  request: Request,
  thread: string,
  query: string,
  attempts?: number
): Fetched<{ readonly page: ViewPage }> => {
  const answer = await request(thread, `view${query}`, undefined, attempts)
  if (!answer.ok) return answer
  const page = answer.body as ViewPage
  const { view } = page
  const isView = isPlace(view, view?.logId) && [view.messages, view.runs, view.asks].every(Array.isArray)
  return isView ? { ok: true, page } : badAnswer("a view")
}
