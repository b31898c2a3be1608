/**
 * A thread at the pace of the screen: however fast its frames arrive, what follows it hears of them at most once per
 * animation frame, and never spends more than half of the time on them. Typing and Stop stay quick.
 */
import type { Listener, Thread, ThreadState } from "throughline/client"

/** Nothing is lost: the newest state is always the next one shown, in a hidden tab a little later. */
export const paced = (thread: Thread): Thread => {
  let shown: ThreadState = thread.state
  let waiting = false
  let quietUntil = 0
  const listeners = new Set<Listener>()

  const show = (): void => {
    waiting = false
    shown = thread.state
    const began = performance.now()
    for (const listener of listeners) listener(shown.view, shown.connection)
    const now = performance.now()
    quietUntil = now + (now - began)
  }
  const changed = (): void => {
    if (waiting || thread.state === shown) return
    waiting = true
    if (document.hidden) setTimeout(show, 250)
    else setTimeout(() => requestAnimationFrame(show), Math.max(0, quietUntil - performance.now()))
  }
  thread.subscribe(changed)
  return Object.defineProperties(Object.create(thread) as Thread, {
    state: { get: () => shown },
    view: { get: () => shown.view },
    connection: { get: () => shown.connection },
    subscribe: {
      value: (listener: Listener) => {
        listeners.add(listener)
        listener(shown.view, shown.connection)
        return () => listeners.delete(listener)
      }
    }
  })
}
