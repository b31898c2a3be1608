/**
 * Throughline's watchers: one thread and one connection of Azure's client per run, the view's text as it grows.
 */
import { azureWebPubSubClient } from "throughline/adapters/gateways/azure-web-pubsub/client"
import { openThread, type View } from "throughline/client"
import { answer } from "../child.ts"
import { watchers, type Expected } from "../workload.ts"

/** The text that the run has said so far: one part of one message. */
const textOf = (view: View): string => {
  for (const part of view.messages.at(-1)?.parts ?? []) if (part.type === "text") return part.text
  return ""
}

let watching: ReturnType<typeof watchers> | undefined
answer({
  watch: async ({ endpoint, runs }: { readonly endpoint: string; readonly runs: number }) => {
    const all = watchers(runs)
    watching = all
    const gateways = [azureWebPubSubClient()]
    for (let run = 0; run < runs; run++) {
      // a token function of its own keeps the run's socket its own, as with the other contenders
      const thread = openThread({ endpoint, thread: `bench-${run}`, gateways, token: () => `watcher-${run}` })
      await new Promise<void>((resolve) => thread.subscribe((_, connection) => connection === "live" && resolve()))
      thread.subscribe((view) => all.show(run, textOf(view)))
      const started = await thread.start("typist", { run })
      if (!started.ok) throw new Error(started.error.message)
    }
  },
  seen: (expected: Expected) => watching?.seen(expected)
})
