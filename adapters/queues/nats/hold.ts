/**
 * A job that this process holds. The server hides it for `ackWaitMillis` after each sign of life; how long it is to be
 * hidden in all is kept here, by signs of life until then. A process that dies gives its jobs back after `ackWaitMillis`.
 *
 * Everything that is sent is answered by the server. When the time is over, or no sign of life got through in time, another
 * may have the job, and nothing more is sent: an acknowledgement would be taken for the other's.
 */
import type { Link } from "./connection.ts"

export interface Hold {
  readonly isMine: () => boolean
  /** Hides it for so long from now. */
  readonly extend: (millis: number) => Promise<void>
  /** Sends the last word on it. */
  readonly end: (word: string) => Promise<void>
  /** Lets go of it without a word. */
  readonly drop: () => void
}

export const makeHold = (
  link: Link,
  reply: string,
  options: { readonly ackWaitMillis: number; readonly timeoutMillis: number; readonly hideMillis: number }
): Hold => {
  const { ackWaitMillis, hideMillis, timeoutMillis } = options
  let until = Date.now() + hideMillis
  let lastSign = Date.now()
  let isOver = false
  let timer: ReturnType<typeof setTimeout> | undefined

  const say = async (word: string): Promise<void> => {
    const connection = await link.get()
    await connection.request(reply, word, { timeout: timeoutMillis })
  }
  const isMine = () => !isOver && Date.now() < Math.min(until, lastSign + ackWaitMillis)
  const drop = () => {
    isOver = true
    clearTimeout(timer)
  }
  const sign = async (): Promise<void> => {
    const at = Date.now()
    await say("+WPI")
    lastSign = at
  }
  const watch = (): void => {
    clearTimeout(timer)
    if (isOver) return
    timer = setTimeout(
      () => {
        if (Date.now() >= until) {
          const wasMine = Date.now() < lastSign + ackWaitMillis
          drop()
          if (wasMine) say("-NAK").catch(() => {})
        } else if (!isMine()) drop()
        else
          sign()
            .catch(() => {})
            .finally(watch)
      },
      Math.max(0, Math.min(until - Date.now(), ackWaitMillis / 3))
    )
    timer.unref()
  }
  watch()
  return {
    isMine,
    drop,
    extend: async (millis) => {
      if (!isMine()) return
      await sign()
      until = Date.now() + millis
      watch()
    },
    end: async (word) => {
      if (!isMine()) return
      drop()
      await say(word)
    }
  }
}
