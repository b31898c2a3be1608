/**
 * What runs side by side: the peers that a user would pick instead, and the two floors.
 */
import { startProcess } from "./processes.ts"
import type { Contender, Setting } from "./workload.ts"

/** A server that holds the connections itself, and watchers that connect to it: two processes. */
const direct = (name: string, server: string, client: string): Contender => ({
  name,
  start: async ({ runs }: Setting) => {
    const producer = startProcess(server)
    const watcher = startProcess(client)
    await watcher.call("watch", { runs, port: await producer.call<number>("listen") })
    return { producer, watcher, others: [] }
  }
})
/** A gateway that holds the sockets and a stateless handler behind it: three processes. */
const behindGateway = (name: string, merge: boolean): Contender => ({
  name,
  start: async ({ runs, restDelayMillis }: Setting) => {
    const gateway = startProcess("peers/floorGateway.ts")
    const producer = startProcess("peers/floorHandler.ts")
    const watcher = startProcess("peers/wsWatcher.ts")
    const port = await gateway.call<number>("listen", { delayMillis: restDelayMillis })
    await producer.call("use", { port, merge })
    await watcher.call("watch", { runs, port })
    return { producer, watcher, others: [gateway] }
  }
})

/** One REST call per token, in order, no log: the honest lower bound for streaming through a gateway. */
export const floor = behindGateway("floor", false)
/** The same, merging what piles up while a call is in flight. */
export const adaptive = behindGateway("adaptive floor", true)
export const peers: readonly Contender[] = [
  direct("ws", "peers/ws.ts", "peers/wsWatcher.ts"),
  direct("AG-UI over SSE", "peers/agUi.ts", "peers/agUiWatcher.ts"),
  direct("AI SDK stream", "peers/aiSdk.ts", "peers/aiSdkWatcher.ts")
]
