/** Clients over every gateway, each under faults of every kind and cuts: what they show is the log. */
import * as Layer from "effect/Layer"
import { createBackend, defineAgent } from "throughline"
import { memoryLog, memoryStore } from "throughline/adapters/logs/memory"
import { memoryQueue } from "throughline/adapters/queues/memory"
import { openThread, type Thread } from "throughline/client"
import { serve } from "throughline/node"
import { afterEach, describe, expect, it } from "vitest"
import * as z from "zod"
import { faultyGateway } from "../../src/conformance/faultyGateway.ts"
import { Gateway } from "../../src/ports/Gateway.ts"
import { gateways } from "../adapters/gateways/environments/all.ts"
import { until } from "../security/stack.ts"

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})
const TOKENS = 400
const FAULTS = { drop: 0.2, duplicate: 0.2, reorder: 0.2, delay: 0.2, throttle: 0.05, unavailable: 0.05 }
const shown = ({ view }: Thread) =>
  view.messages.flatMap(({ parts }) => parts.map((part) => (part.type === "text" ? part.text : ""))).join("")
/** The run that the thread shows has ended, and the thread is live. */
const hasEnded = ({ connection, view }: Thread) => connection === "live" && view.runs[0]?.state === "finished"

describe.each(gateways)("three clients over $name", ({ missing, start }) => {
  it.skipIf(missing !== undefined)(
    "show exactly what the log says, with a fifth of all frames dropped, doubled, swapped or late, and cuts",
    async () => {
      const env = await start()
      closers.push(env.close)
      const faulty = faultyGateway(env.gateway, { seed: 7, ...FAULTS })
      const talker = defineAgent({
        name: "talker",
        input: z.object({}),
        run: async (run) => {
          for (let n = 1; n <= TOKENS; n++) {
            await run.text(`${n} `)
            await new Promise((resolve) => setTimeout(resolve, 5))
            if (n % 100 === 0) env.cut!()
          }
        }
      })
      const backend = createBackend({
        agents: [talker],
        log: memoryLog({ store: memoryStore() }),
        queue: memoryQueue(),
        gateway: Layer.succeed(Gateway, faulty.gateway),
        authenticate: () => ({ id: "ann" }),
        authorize: () => true,
        reconnectSpreadMillis: 50
      })
      closers.push(() => backend.close())
      const served = await serve(backend, { port: 0 })
      closers.push(served.close)
      const threads = [1, 2, 3].map(() =>
        openThread({
          endpoint: served.url,
          thread: "t1",
          gateways: [env.client],
          token: () => "ann",
          // each its own connection, as on its own device
          fetch: (url, init) => fetch(url, init)
        })
      )
      for (const thread of threads) closers.push(() => thread.close())
      const started = await threads[0]!.start("talker", {})
      expect(started.ok).toBe(true)
      const working = backend.work({ thread: "main/t1", run: started.ok ? started.run : "", epoch: 1 })
      await Promise.all([working, ...threads.map((thread) => until(thread, hasEnded, 50_000))])
      const said = Array.from({ length: TOKENS }, (_, n) => `${n + 1} `).join("")
      for (const thread of threads) {
        expect(shown(thread)).toBe(said)
        expect(thread.view.dropped).toBe(0)
        expect(thread.view.offset).toBe(threads[0]!.view.offset)
      }
      for (const [fault, times] of Object.entries(faulty.struck)) expect([fault, times > 0]).toEqual([fault, true])
    },
    60_000
  )
})
