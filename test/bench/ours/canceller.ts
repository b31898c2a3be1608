/**
 * A person's page: starts a run, sees it work, cancels it.
 */
import { azureWebPubSubClient } from "throughline/adapters/gateways/azure-web-pubsub/client"
import { openThread } from "throughline/client"
import { answer } from "../child.ts"
import { clock } from "../workload.ts"

export interface Cancelling {
  readonly endpoint: string
  readonly agent: string
  readonly run: number
}
const gateways = [azureWebPubSubClient()]

answer({
  /** Answers when Stop was clicked. */
  cancel: async ({ endpoint, agent, run }: Cancelling) => {
    const thread = openThread({ endpoint, thread: `bench-${run}`, gateways })
    const started = await thread.start(agent, { run })
    if (!started.ok) throw new Error(started.error.message)
    // At work: it said something, or is inside its tool.
    await new Promise<void>((resolve) =>
      thread.subscribe((view) => view.messages.some(({ parts }) => parts.length > 0) && resolve())
    )
    // Long enough for a worker that waits to have nothing more to say, and to have become drowsy.
    await new Promise((resolve) => setTimeout(resolve, 400 + 100 * Math.random()))
    const clickedAt = clock()
    const cancelled = await thread.cancel(started.run)
    if (!cancelled.ok) throw new Error(cancelled.error.message)
    thread.close()
    return clickedAt
  }
})
