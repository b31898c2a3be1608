/**
 * A thread's events as an async iterable: every event once, in order, from any offset on.
 *
 * Live entries are queued up to a bound; a consumer that is slower gets the rest from the log, page by page, so
 * memory stays bounded and nothing is skipped. Loaded when it is first used: what it shares with the rest of the
 * client is handed in, so that bundlers can keep it apart.
 */
import type { Entry } from "../protocol/Entry.ts"
import type { KnownEvent, Timestamp, UnknownEvent } from "../protocol/Event.ts"
import type { View } from "../protocol/View.ts"
import type { fetchPage } from "./answers.ts"
import type { Follower } from "./follow.ts"
import type { Request } from "./http.ts"
import { ThreadError } from "./ThreadError.ts"

export interface ThreadEvent {
  readonly event: KnownEvent | UnknownEvent
  readonly offset: number
  readonly at: Timestamp
}
export interface EventsOptions {
  /** Begins after this offset; 0 for the whole log. Default: what comes from now on. */
  readonly after?: number
  /** Ends the iteration, quietly. */
  readonly signal?: AbortSignal
}

/** What the rest of the client hands in. */
interface EventsSource {
  readonly follower: Follower
  readonly request: Request
  readonly thread: string
  readonly fetchPage: typeof fetchPage
}

const MAX_QUEUED = 1_024

/**
 * Ends when the thread is closed or `signal` aborts; throws `ThreadError`.
 *
 * - `from`: the view when the iteration was asked for, if there was one
 */
export async function* readEvents(
  source: EventsSource,
  { after, signal }: EventsOptions,
  from: View | undefined
): AsyncGenerator<ThreadEvent, void, undefined> {
  const { follower, request, thread } = source
  const { followed } = follower
  const fail = (code: string, message: string) => new ThreadError({ code, message, retryable: false })
  const changed = () => fail("LOG_CHANGED", "the log was replaced; begin again")
  let queue: Entry[] = []
  let wake = () => {}
  let last = after ?? -1
  let logId = ""
  let lastId = ""
  const ended = () => signal?.aborted === true || followed.connection === "closed"
  const begin = (view: View) => {
    logId = view.logId
    if (last >= 0) return
    last = view.offset
    lastId = view.id
  }
  if (from !== undefined) begin(from)
  const stops = [
    follower.onEntry((entry) => {
      // What is thrown away here is read from the log later.
      if (queue.length >= MAX_QUEUED) queue = []
      queue.push(entry)
      wake()
    }),
    followed.subscribe((view) => {
      if (last < 0 && follower.loaded()) begin(view)
      wake()
    })
  ]
  const abort = () => wake()
  signal?.addEventListener("abort", abort)

  const page = async (): Promise<readonly Entry[]> => {
    const answer = await source.fetchPage(request, thread, { after: last, id: lastId, logId })
    if (!answer.ok) throw new ThreadError(answer.error)
    const { cut, page: found } = answer
    if (cut && found.entries.length === 0) throw fail("BAD_SHAPE", `the entry after offset ${last} cannot be read`)
    logId ||= found.logId
    return found.entries
  }
  try {
    while (!ended()) {
      const { view } = followed
      if (logId !== "" && view.logId !== logId && follower.loaded()) throw changed()
      let entries: readonly Entry[] = queue
      queue = []
      if (last < 0 || (entries.length === 0 && view.offset <= last)) {
        await new Promise<void>((resolve) => {
          wake = resolve
          if (ended() || queue.length > 0) resolve()
        })
        continue
      }
      const next = entries.find((entry) => entry.offset > last)
      // A hole before the queue, or nothing in it though the view is further: the log has the rest.
      if (next === undefined || next.offset > last + 1) entries = [...(await page()), ...entries]
      for (const entry of entries) {
        if (entry.offset <= last) continue
        if ((logId !== "" && entry.logId !== logId) || entry.offset !== last + 1) {
          if (entry.logId === logId) break
          throw changed()
        }
        last = entry.offset
        lastId = entry.id
        logId = entry.logId
        for (const event of entry.events) {
          if (ended()) return
          yield { event, offset: entry.offset, at: entry.at }
        }
      }
    }
  } finally {
    for (const stop of stops) stop()
    signal?.removeEventListener("abort", abort)
  }
}
