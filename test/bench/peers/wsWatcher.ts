/**
 * Watchers over plain sockets: one per run, `JSON.parse` and nothing else. For the raw and the floor contenders.
 */
import { once } from "node:events"
import { WebSocket } from "ws"
import { answer } from "../child.ts"
import { watchers, type Expected } from "../workload.ts"

let watching: ReturnType<typeof watchers> | undefined
answer({
  watch: async ({ port, runs }: { readonly port: number; readonly runs: number }) => {
    const all = watchers(runs)
    watching = all
    for (let run = 0; run < runs; run++) {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/?group=${run}`, { perMessageDeflate: false })
      socket.on("message", (data: Buffer) => {
        all.append(run, (JSON.parse(data.toString()) as { readonly text: string }).text)
      })
      await once(socket, "open")
    }
  },
  seen: (expected: Expected) => watching?.seen(expected)
})
