/**
 * AG-UI's client: one `HttpAgent` per run, text seen in its subscriber.
 */
import { HttpAgent } from "@ag-ui/client"
import { answer } from "../child.ts"
import { watchers, type Expected } from "../workload.ts"

let watching: ReturnType<typeof watchers> | undefined
answer({
  watch: async ({ port, runs }: { readonly port: number; readonly runs: number }) => {
    const all = watchers(runs)
    watching = all
    for (let run = 0; run < runs; run++) {
      const agent = new HttpAgent({ url: `http://127.0.0.1:${port}/${run}` })
      await new Promise<void>((resolve, reject) => {
        agent
          .runAgent(
            {},
            {
              onTextMessageStartEvent: () => resolve(),
              onTextMessageContentEvent: ({ event }) => all.append(run, event.delta)
            }
          )
          .catch(reject)
      })
    }
  },
  seen: (expected: Expected) => watching?.seen(expected)
})
