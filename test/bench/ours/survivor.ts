/**
 * Pages that lose their socket again and again, one connection each: when they were cut, reconnected, and caught up.
 */
import { isDeepStrictEqual } from "node:util"
import { azureWebPubSubClient } from "throughline/adapters/gateways/azure-web-pubsub/client"
import { openThread, type GatewayClient, type Thread } from "throughline/client"
import { answer } from "../child.ts"
import { clock, watchers, type Expected } from "../workload.ts"

export interface CaughtUp {
  /** Milliseconds from the cut until the view was as new as the log, one for each page and cut. */
  readonly sinceCut: readonly number[]
  /** The same from when the new socket was open. */
  readonly sinceOpen: readonly number[]
}
interface Page {
  readonly thread: Thread
  openedAt: number
  liveAt: number
}
const pages: Page[] = []
let all: ReturnType<typeof watchers> | undefined
let endpoint = ""

/** Azure's client half, telling when a socket is open. */
const observed = (opened: () => void): GatewayClient => {
  const { name, connect } = azureWebPubSubClient()
  return {
    name,
    connect: (grant, handlers) =>
      connect(grant, {
        ...handlers,
        onOpen: () => {
          opened()
          handlers.onOpen()
        }
      })
  }
}
const open = async (run: number, seen: ReturnType<typeof watchers>) => {
  const gateways = [observed(() => (page.openedAt = clock()))]
  const thread = openThread({ endpoint, thread: `bench-${run}`, gateways, token: () => "watcher" })
  const page: Page = { thread, openedAt: 0, liveAt: 0 }
  pages.push(page)
  let connection = ""
  await new Promise<void>((resolve) =>
    thread.subscribe((view, now) => {
      if (now === "live" && connection !== "live") page.liveAt = clock()
      connection = now
      const part = view.messages.at(-1)?.parts[0]
      seen.show(run, part?.type === "text" ? part.text : "")
      if (now === "live") resolve()
    })
  )
  const started = await thread.start("typist", { run })
  if (!started.ok) throw new Error(started.error.message)
}

answer({
  watch: async (options: { readonly endpoint: string; readonly runs: number }) => {
    endpoint = options.endpoint
    all = watchers(options.runs)
    for (let run = 0; run < options.runs; run++) await open(run, all)
  },
  seen: (expected: Expected) => all?.seen(expected),
  /** Waits until every page is live again after the cut. */
  caughtUp: async (cutAt: number): Promise<CaughtUp> => {
    while (pages.some(({ liveAt }) => liveAt < cutAt)) await new Promise((resolve) => setTimeout(resolve, 5))
    return {
      sinceCut: pages.map(({ liveAt }) => liveAt - cutAt),
      sinceOpen: pages.map(({ liveAt, openedAt }) => liveAt - openedAt)
    }
  },
  /** How many pages show something else than the backend's view. */
  wrong: async () => {
    let wrong = 0
    for (const { thread } of pages) {
      const answered = await fetch(`${endpoint}/threads/${thread.thread}/view`)
      const { view } = (await answered.json()) as { readonly view: unknown }
      if (!isDeepStrictEqual(view, thread.view)) wrong++
    }
    return wrong
  }
})
