/**
 * Throughline's watchers: one thread and one connection of Azure's client per run, the view's text as it grows.
 */
import { azureWebPubSubClient } from "throughline/adapters/gateways/azure-web-pubsub/client"
import { openThread, type View } from "throughline/client"
import { answer } from "../child.ts"
import { watchers, type Expected } from "../workload.ts"

/** Shows a run's text parts from where it last looked; of what is shown only the newest part can grow. */
const follow = (show: (text: string) => void) => {
  let part = 0
  let known = 0
  return (view: View) => {
    const parts = view.messages.at(-1)?.parts ?? []
    for (;;) {
      const current = parts[part]
      if (current === undefined) return
      if (current.type === "text" && current.text.length > known) {
        show(current.text.slice(known))
        known = current.text.length
      }
      if (part === parts.length - 1) return
      part++
      known = 0
    }
  }
}

let watching: ReturnType<typeof watchers> | undefined
answer({
  watch: async ({ endpoint, runs }: { readonly endpoint: string; readonly runs: number }) => {
    const all = watchers(runs)
    watching = all
    const gateways = [azureWebPubSubClient()]
    const open = async (run: number) => {
      // a token function of its own keeps the run's socket its own, as with the other contenders
      const thread = openThread({ endpoint, thread: `bench-${run}`, gateways, token: () => `watcher-${run}` })
      await new Promise<void>((resolve) => thread.subscribe((_, connection) => connection === "live" && resolve()))
      thread.subscribe(follow((text) => all.append(run, text)))
      const started = await thread.start("typist", { run })
      if (!started.ok) throw new Error(started.error.message)
    }
    const waiting = Array.from({ length: runs }, (_, run) => run)
    const openNext = async (): Promise<void> => {
      for (let run = waiting.shift(); run !== undefined; run = waiting.shift()) await open(run)
    }
    await Promise.all(Array.from({ length: 8 }, openNext))
  },
  seen: (expected: Expected) => watching?.seen(expected)
})
