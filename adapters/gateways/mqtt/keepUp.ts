/** For those who listen: a line that closed is replaced by another, until there is no need any more. */
import type { Line } from "./line.ts"

export interface Kept {
  /** The line while there is one. */
  readonly line: () => Line | undefined
  readonly close: () => void
}
const MAX_BACKOFF_MILLIS = 5_000

/** `prepare` runs on every new line before it counts. Rejects when the first cannot be had. */
export const keepUp = async (
  open: () => Promise<Line>,
  prepare: (line: Line, isFirst: boolean) => Promise<void>
): Promise<Kept> => {
  let line: Line | undefined
  let retry: ReturnType<typeof setTimeout> | undefined
  let closed = false
  let failures = 0
  const attempt = async (isFirst: boolean) => {
    const opened = await open()
    try {
      if (!closed) await prepare(opened, isFirst)
    } catch (cause) {
      opened.close()
      throw cause
    }
    if (closed) return opened.close()
    line = opened
    failures = 0
    void opened.closed.then(again)
  }
  const again = () => {
    line = undefined
    if (closed) return
    const delay = Math.random() * Math.min(MAX_BACKOFF_MILLIS, 100 * 2 ** failures++)
    retry = setTimeout(() => void attempt(false).catch(again), delay)
  }
  await attempt(true)
  return {
    line: () => line,
    close: () => {
      closed = true
      clearTimeout(retry)
      line?.close()
    }
  }
}
