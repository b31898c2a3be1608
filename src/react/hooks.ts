/**
 * The hooks. All reading goes through `useSyncExternalStore`, so that one render never sees two views.
 */
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react"
import { openThread } from "../client/thread.ts"
import type { Thread, ThreadOptions } from "../client/thread.ts"
import type { ConnectionState, ThreadState } from "../client/follow.ts"
import type { View } from "../protocol/View.ts"
import { emptyView } from "../thread/fold.ts"

/** What a thread that is not open yet shows. */
const NOTHING: ThreadState = { view: emptyView, connection: "connecting", hasOlder: false }
const never = () => () => {}

/** Reads a part of a thread's state; the same value as long as `isEqual` says so. */
const useSelected = <T>(
  thread: Thread | undefined,
  select: (state: ThreadState) => T,
  isEqual: (a: T, b: T) => boolean
): T => {
  const kept = useRef<{ readonly state: ThreadState; readonly select: unknown; readonly value: T } | undefined>(
    undefined
  )
  const shown = useRef<{ readonly value: T } | undefined>(undefined)
  const read = (): T => {
    const state = thread?.state ?? NOTHING
    const last = kept.current
    if (last !== undefined && last.state === state && last.select === select) return last.value
    const next = select(state)
    // What is on the screen comes first: a selector made anew in each render must not change what is equal.
    const before = shown.current ?? last
    const value = before !== undefined && isEqual(before.value, next) ? before.value : next
    kept.current = { state, select, value }
    return value
  }
  const subscribe = useCallback(
    (changed: () => void) => (thread === undefined ? never() : thread.subscribe(changed)),
    [thread]
  )
  const value = useSyncExternalStore(subscribe, read, read)
  useEffect(() => {
    shown.current = { value }
  }, [value])
  return value
}

/**
 * The thread's view, or what `select` takes from it.
 *
 * - Renders again when the selection changes by `isEqual` (default `Object.is`); select small, or use what keeps its
 *   identity (`view => view.messages`)
 * - `thread` may be `undefined`, for what `useOpenThread` has not opened yet: then the view is empty
 */
export function useThread(thread: Thread | undefined): View
export function useThread<T>(
  thread: Thread | undefined,
  select: (view: View) => T,
  isEqual?: (a: T, b: T) => boolean
): T
export function useThread(
  thread: Thread | undefined,
  select: (view: View) => unknown = whole,
  isEqual: (a: unknown, b: unknown) => boolean = Object.is
): unknown {
  return useSelected(thread, (state) => select(state.view), isEqual)
}

const whole = (view: View) => view

/** How sure the view is: connecting, live, recovering, offline or closed. */
export const useConnection = (thread: Thread | undefined): ConnectionState =>
  useSelected(thread, connectionOf, Object.is)
const connectionOf = (state: ThreadState) => state.connection

/**
 * Opens a thread when the component is mounted and closes it when it is unmounted, or when `endpoint` or
 * `thread` change. `undefined` on the server and before the first effect.
 *
 * `token`, `gateways`, `fetch` and `environment` are read when the thread is opened; components that pass the same
 * `token` function share a connection.
 */
export const useOpenThread = (options: ThreadOptions): Thread | undefined => {
  const { endpoint, thread: name } = options
  const [thread, setThread] = useState<Thread>()
  const latest = useRef(options)
  useEffect(() => {
    latest.current = options
  })
  const held = useRef<
    { readonly key: string; readonly thread: Thread; closing: ReturnType<typeof setTimeout> | undefined } | undefined
  >(undefined)
  useEffect(() => {
    const key = JSON.stringify([endpoint, name])
    if (held.current?.key === key && held.current.closing !== undefined) {
      // StrictMode unmounts and mounts again at once: the same thread goes on.
      clearTimeout(held.current.closing)
      held.current.closing = undefined
    } else {
      held.current = { key, thread: openThread(latest.current), closing: undefined }
    }
    const mine = held.current
    setThread(mine.thread)
    return () => {
      mine.closing = setTimeout(() => {
        mine.closing = undefined
        mine.thread.close()
      }, 0)
    }
  }, [endpoint, name])
  return thread
}
