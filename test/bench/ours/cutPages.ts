/**
 * Pages that lose their socket again and again, a connection for each: when a socket was open, when the page was live,
 * and when it showed which offset.
 */
import { isDeepStrictEqual } from "node:util"
import { azureWebPubSubClient } from "throughline/adapters/gateways/azure-web-pubsub/client"
import { openThread, type GatewayClient, type Thread } from "throughline/client"
import type { Entry } from "throughline/protocol"
import { createFold } from "../../../src/thread/fold.ts"
import { answer } from "../child.ts"
import { clock, watchers, type Expected } from "../workload.ts"
import type { Mark } from "./cutBackend.ts"

export interface Page {
  readonly thread: string
  /** When a socket was open, recovered ones included. */
  readonly opened: readonly number[]
  /** When `connection` became live. */
  readonly live: readonly number[]
  readonly applied: readonly Mark[]
}
interface Watched {
  readonly thread: Thread
  readonly opened: number[]
  readonly live: number[]
  readonly applied: Mark[]
}
const pages: Watched[] = []
let all: ReturnType<typeof watchers> | undefined
let endpoint = ""

/** Azure's client half, telling when a socket is open. */
const observed = (opened: number[]): GatewayClient => {
  const { name, connect } = azureWebPubSubClient()
  return {
    name,
    connect: (grant, handlers) =>
      connect(grant, {
        ...handlers,
        onOpen: () => {
          opened.push(clock())
          handlers.onOpen()
        }
      })
  }
}
const open = async (run: number, seen: ReturnType<typeof watchers>) => {
  const opened: number[] = []
  // A token function of its own: no connection is shared.
  const thread = openThread({ endpoint, thread: `bench-${run}`, gateways: [observed(opened)], token: () => "watcher" })
  const page: Watched = { thread, opened, live: [], applied: [] }
  pages.push(page)
  let before = ""
  let offset = 0
  await new Promise<void>((resolve) =>
    thread.subscribe((view, connection) => {
      if (connection === "live" && before !== "live") page.live.push(clock())
      before = connection
      if (view.offset > offset) page.applied.push([(offset = view.offset), clock()])
      const part = view.messages.at(-1)?.parts[0]
      seen.show(run, part?.type === "text" ? part.text : "")
      if (connection === "live") resolve()
    })
  )
  const started = await thread.start("typist", { run })
  if (!started.ok) throw new Error(started.error.message)
}
/** The fold of everything that the thread's log holds, and nothing else. */
const replay = async (thread: string) => {
  const fold = createFold()
  for (let more = true; more;) {
    const answered = await fetch(`${endpoint}/threads/${thread}/entries?after=${fold.view.offset}`)
    const page = (await answered.json()) as { readonly entries: readonly Entry[]; readonly more: boolean }
    for (const entry of page.entries) fold.apply(entry)
    more = page.more
  }
  return fold.view
}

answer({
  watch: async (options: { readonly endpoint: string; readonly runs: number }) => {
    endpoint = options.endpoint
    all = watchers(options.runs)
    for (let run = 0; run < options.runs; run++) await open(run, all)
  },
  seen: (expected: Expected) => all?.seen(expected),
  pages: (): readonly Page[] =>
    pages.map(({ thread, opened, live, applied }) => ({ thread: thread.thread, opened, live, applied })),
  /** How many pages show something else than a full replay of the log gives. */
  wrong: async () => {
    let wrong = 0
    for (const { thread } of pages) if (!isDeepStrictEqual(await replay(thread.thread), thread.view)) wrong++
    return wrong
  }
})
