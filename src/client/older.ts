/**
 * Older messages: the page before the oldest one that is shown, put in front of it.
 *
 * Loaded when somebody first scrolls back; what it shares with the rest of the client is handed in, so that bundlers
 * can keep it apart.
 */
import type { Entry } from "../protocol/Entry.ts"
import type { Failed } from "../protocol/Exchange.ts"
import type { View, ViewPage } from "../protocol/View.ts"
import type { createFold } from "../thread/fold.ts"
import type { fetchView } from "./answers.ts"
import type { Request } from "./http.ts"

/** What the rest of the client hands in. */
interface OlderSource {
  readonly request: Request
  readonly thread: string
  readonly fetchView: typeof fetchView
  readonly createFold: typeof createFold
  /** Are called with every entry that the shown view takes in. */
  readonly sinks: Set<(entry: Entry) => void>
  readonly view: () => View
  /** The cursor of the next older page; nothing when there is none, or the thread is closed. */
  readonly before: () => string | undefined | false
  readonly show: (page: ViewPage) => void
  /** Calls the listeners. */
  readonly tell: () => void
}

/** Both lists, the shown one's items only once. */
const joined = <T extends { readonly id: string }>(older: readonly T[], shown: readonly T[]) => {
  const ids = new Set(shown.map(({ id }) => id))
  return [...older.filter(({ id }) => !ids.has(id)), ...shown]
}

/** Answers the fault of the request. What other pages were loaded meanwhile win. */
export const loadOlder = async (source: OlderSource): Promise<{ readonly ok: true } | Failed> => {
  const cursor = source.before()
  if (!cursor) return { ok: true }
  // what comes while the page is under way may erase or replace what is in it
  const entries: Entry[] = []
  const keep = (entry: Entry) => void entries.push(entry)
  source.sinks.add(keep)
  const answer = await source.fetchView(source.request, source.thread, `?before=${encodeURIComponent(cursor)}`)
  source.sinks.delete(keep)
  if (!answer.ok) return answer
  // Taken anew or loaded twice meanwhile: this page is of no use any more.
  if (source.before() !== cursor) return { ok: true }
  const { page } = answer
  const view = source.view()
  const since = entries.filter(({ offset }) => offset > page.view.offset)
  // the view was taken anew, past entries that nobody saw: this page may be older than what erased it
  if (view.logId !== page.view.logId || since.length < view.offset - page.view.offset) return loadOlder(source)
  const older = source.createFold(page.view)
  for (const entry of since) older.apply(entry)
  source.show({
    ...page,
    view: {
      ...view,
      messages: joined(older.view.messages, view.messages),
      runs: joined(older.view.runs, view.runs)
    }
  })
  source.tell()
  return { ok: true }
}
