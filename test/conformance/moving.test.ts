/** A thread that goes from one gateway to another: only the backend's line changes, the log is the link. */
import * as Layer from "effect/Layer"
import { createBackend, defineAgent, type BackendHandle } from "throughline"
import { memoryLog, memoryStore } from "throughline/adapters/logs/memory"
import { memoryQueue } from "throughline/adapters/queues/memory"
import { openThread, type Thread } from "throughline/client"
import { serve } from "throughline/node"
import { afterEach, expect, it } from "vitest"
import * as z from "zod"
import { Gateway } from "../../src/ports/Gateway.ts"
import { startAzure } from "../adapters/gateways/environments/azure-web-pubsub.ts"
import { type RunningEnv } from "../adapters/gateways/environments/environment.ts"
import { startSse } from "../adapters/gateways/environments/sse.ts"
import { startWs } from "../adapters/gateways/environments/ws.ts"
import { until } from "../security/stack.ts"

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})
const echo = defineAgent({
  name: "echo",
  input: z.object({ words: z.string() }),
  run: async (run, { words }) => {
    for (const word of words.split(" ")) await run.text(`${word} `)
  }
})
const textOf = ({ view }: Thread) =>
  view.messages.flatMap(({ parts }) => parts.map((part) => (part.type === "text" ? part.text : ""))).join("")
it("is followed by its clients over three gateways, without a hole, a repetition or a new view", async () => {
  const envs: RunningEnv<unknown>[] = [await startAzure(), await startWs(), await startSse()]
  const running = new Set(envs)
  const switchOff = async (env: RunningEnv<unknown>) => {
    if (running.delete(env)) await env.close()
  }
  for (const env of envs) closers.push(() => switchOff(env))
  const store = memoryStore()
  const queue = memoryQueue()
  const backends = envs.map(({ gateway }) => {
    const backend = createBackend({
      agents: [echo],
      log: memoryLog({ store }),
      queue,
      gateway: Layer.succeed(Gateway, gateway),
      authenticate: () => ({ id: "ann" }),
      authorize: () => true,
      reconnectSpreadMillis: 50
    })
    closers.push(() => backend.close())
    return backend
  })
  let current: BackendHandle = backends[0]!
  const grants: string[] = []
  const served = await serve({ fetch: (request) => current.fetch(request) }, { port: 0 })
  closers.push(served.close)
  const thread = openThread({
    endpoint: served.url,
    thread: "t1",
    gateways: envs.map(({ client }) => client),
    token: () => "ann",
    fetch: async (url, init) => {
      const response = await fetch(url, init)
      if (url.endsWith("/grants")) grants.push(((await response.clone().json()) as any).grant.gateway)
      return response
    }
  })
  closers.push(() => thread.close())

  let said = ""
  for (const [at, env] of envs.entries()) {
    current = backends[at]!
    const before = envs[at - 1]
    if (before !== undefined) await switchOff(before)
    await until(thread, () => thread.connection === "live" && grants.at(-1) === env.gateway.name)
    const words = `over ${env.gateway.name}`
    const started = await thread.start("echo", { words })
    if (!started.ok) throw new Error(started.error.message)
    await current.work({ thread: "main/t1", run: started.run, epoch: 1 })
    said += `${words} `
    await until(thread, () => textOf(thread) === said)
  }
  expect(new Set(grants)).toEqual(new Set(["azure-web-pubsub", "ws", "sse"]))
  expect(thread.view.runs.map(({ outcome }) => outcome?.type)).toEqual(["completed", "completed", "completed"])
  expect([thread.view.dropped, thread.counters.resets]).toEqual([0, 1])
}, 30_000)
