/**
 * A page that comes late: opens a thread with a connection of its own and waits until it shows what the log holds.
 */
import { azureWebPubSubClient } from "throughline/adapters/gateways/azure-web-pubsub/client"
import { openThread, type View } from "throughline/client"
import { answer } from "../child.ts"

export interface Joining {
  readonly endpoint: string
  readonly thread: string
}
export interface Joined {
  readonly millis: number
  readonly view: View
}
const gateways = [azureWebPubSubClient()]

answer({
  join: async ({ endpoint, thread }: Joining): Promise<Joined> => {
    const begun = performance.now()
    // A token function of its own: no connection is shared with an earlier join.
    const opened = openThread({ endpoint, thread, gateways, token: () => "watcher" })
    await new Promise<void>((resolve) => opened.subscribe((_, connection) => connection === "live" && resolve()))
    const millis = performance.now() - begun
    while (opened.state.hasOlder) {
      const older = await opened.older()
      if (!older.ok) throw new Error(older.error.message)
    }
    const { view } = opened
    opened.close()
    return { millis, view }
  }
})
