/**
 * A page that comes late: opens a thread with a connection of its own, and when it showed what.
 */
import { azureWebPubSubClient } from "throughline/adapters/gateways/azure-web-pubsub/client"
import { openThread, type View } from "throughline/client"
import { answer } from "../child.ts"

export interface Coming {
  readonly endpoint: string
  readonly thread: string
}
export interface Came {
  /** Until it was live: the newest messages are there, and nothing is missed from now on. */
  readonly liveMillis: number
  /** Until every older page was loaded too. */
  readonly completeMillis: number
  readonly view: View
}
const gateways = [azureWebPubSubClient()]

answer({
  join: async ({ endpoint, thread }: Coming): Promise<Came> => {
    const begun = performance.now()
    // A token function of its own: no connection is shared with an earlier join.
    const opened = openThread({ endpoint, thread, gateways, token: () => "watcher" })
    await new Promise<void>((resolve) => opened.subscribe((_, connection) => connection === "live" && resolve()))
    const liveMillis = performance.now() - begun
    while (opened.state.hasOlder) {
      const older = await opened.older()
      if (!older.ok) throw new Error(older.error.message)
    }
    const completeMillis = performance.now() - begun
    const { view } = opened
    opened.close()
    return { liveMillis, completeMillis, view }
  }
})
