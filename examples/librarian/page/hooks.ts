import { useSyncExternalStore } from "react"
import type { ConnectionState, Thread, View } from "throughline/client"
export const useThread = <T,>(thread: Thread, select: (view: View) => T): T => select(useSyncExternalStore(thread.subscribe, () => thread.view))
export const useConnection = (thread: Thread): ConnectionState => useSyncExternalStore(thread.subscribe, () => thread.connection)
