/**
 * Older messages: the page before the oldest one that is shown, put in front of it.
 *
 * Loaded when somebody first scrolls back; what it shares with the rest of the client is handed in, so that bundlers
 * can keep it apart.
 */
import type { Failed } from "../protocol/Exchange.ts"
import type { View, ViewPage } from "../protocol/View.ts"
import type { fetchView } from "./answers.ts"
import type { Request } from "./http.ts"

/** What the rest of the client hands in. */
interface OlderSource {
  readonly request: Request
  readonly thread: string
  readonly fetchView: typeof fetchView
  readonly view: () => View
  /** The cursor of the next older page; `undefined` when there is none, or the thread is closed. */
  readonly before: () => string | undefined
  readonly show: (page: ViewPage) => void
}

/** Both lists, the shown one's items only once. */
const joined = <T extends { readonly id: string }>(older: readonly T[], shown: readonly T[]) => {
  const ids = new Set(shown.map(({ id }) => id))
  return [...older.filter(({ id }) => !ids.has(id)), ...shown]
}

/** Answers the fault of the request. What other pages were loaded meanwhile win. */
export const loadOlder = async (source: OlderSource): Promise<{ readonly ok: true } | Failed> => {
  const cursor = source.before()
  if (cursor === undefined) return { ok: true }
  const answer = await source.fetchView(source.request, source.thread, `?before=${encodeURIComponent(cursor)}`)
  if (!answer.ok) return answer
  // Taken anew or loaded twice meanwhile: this page is of no use any more.
  if (source.before() !== cursor) return { ok: true }
  const { page } = answer
  const view = source.view()
  source.show({
    ...page,
    view: {
      ...view,
      messages: joined(page.view.messages, view.messages),
      runs: joined(page.view.runs, view.runs)
    }
  })
  return { ok: true }
}
