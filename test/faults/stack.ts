/**
 * The real stack for faults: emulator, backend with its worker, served over HTTP, and two real clients of one thread.
 *
 * Everything in real time; each fault has a thread and clients of its own.
 */
import { strict as assert } from "node:assert"
import { createBackend, defineAgent } from "throughline"
import { azureWebPubSub } from "throughline/adapters/gateways/azure-web-pubsub"
import { azureWebPubSubClient } from "throughline/adapters/gateways/azure-web-pubsub/client"
import { memoryLog } from "throughline/adapters/logs/memory"
import { memoryQueue } from "throughline/adapters/queues/memory"
import { openThread, type Thread } from "throughline/client"
import { startEmulator, type Emulator, type Faults } from "throughline/emulator"
import { serve } from "throughline/node"
import * as z from "zod"
import type { View } from "../../src/protocol/View.ts"
import { seeded } from "../client/virtual.ts"

const HUB = "faults"
const KEY = "an upstream key of the faults' tests"
const agents = [
  defineAgent({
    name: "echo",
    input: z.object({ text: z.string() }),
    run: async (run, { text }) => {
      await run.text(text)
    }
  }),
  defineAgent({
    name: "patient",
    input: z.object({}),
    run: (run) => new Promise<void>((resolve) => run.signal.addEventListener("abort", () => resolve()))
  })
]

export interface Stack {
  readonly emulator: Pick<Emulator, "cut" | "forget" | "stats">
  readonly faults: (faults: Partial<Faults>) => void
  /** The client that is looked at; it was live before anything broke. */
  readonly thread: Thread
  readonly view: () => View
  readonly counters: () => Thread["counters"]
  /** By another client, over HTTP; resolves when the log has it. */
  readonly post: (text: string) => Promise<void>
  readonly start: (agent: "echo" | "patient", input: unknown) => Promise<string>
  readonly until: (reached: () => boolean, millis: number) => Promise<void>
  /** Until both clients show all that was posted, in order, each once. */
  readonly whole: (millis: number) => Promise<void>
  /** The texts of every view that was shown. */
  readonly seen: () => readonly (readonly string[])[]
}

const textsOf = (view: View): readonly string[] =>
  view.messages.flatMap(({ parts }) => parts.flatMap((part) => (part.type === "text" ? [part.text] : [])))

export const openStacks = async () => {
  const emulator = await startEmulator()
  const backend = createBackend({
    limits: false,
    agents,
    log: memoryLog(),
    queue: memoryQueue(),
    gateway: azureWebPubSub({ connectionString: emulator.connectionString, hub: HUB, upstreamKey: KEY }),
    authenticate: () => ({ id: "ann" }),
    authorize: () => true,
    reconnectSpreadMillis: 500
  })
  const served = await serve(backend, { port: 0 })
  await emulator.setEventHandlers(HUB, [
    {
      urlTemplate: `${served.url}/upstream/azure-web-pubsub?code=${encodeURIComponent(KEY)}`,
      userEventPattern: "*",
      systemEvents: ["connect"]
    }
  ])
  const working = new AbortController()
  const consuming = backend.consume({ concurrency: 10, signal: working.signal })
  const calm = { ...emulator.faults }

  const open = async (name: string) => {
    Object.assign(emulator.faults, calm, { random: seeded(1) })
    const clients = ["one", "two"].map((who) =>
      openThread({ endpoint: served.url, thread: name, gateways: [azureWebPubSubClient()], token: () => who })
    )
    const thread = clients[0]!
    const seen: (readonly string[])[] = []
    const stop = thread.subscribe((view) => void seen.push(textsOf(view)))
    const posted: string[] = []
    const until: Stack["until"] = async (reached, millis) => {
      const end = performance.now() + millis
      while (!reached()) {
        if (performance.now() > end) throw new Error(`not reached within ${millis} ms: ${JSON.stringify(thread.view)}`)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
    let ids = 0
    const ask = async (route: string, body: object) => {
      const response = await fetch(`${served.url}/threads/${name}/${route}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body)
      })
      const answer = (await response.json()) as { readonly ok: boolean }
      assert.ok(answer.ok, JSON.stringify(answer))
    }
    const stack: Stack = {
      emulator: {
        cut: (filter) => emulator.cut(filter),
        forget: (filter) => emulator.forget(filter),
        stats: emulator.stats
      },
      faults: (faults) => void Object.assign(emulator.faults, faults),
      thread,
      view: () => thread.view,
      counters: () => thread.counters,
      seen: () => seen,
      until,
      post: async (text) => {
        posted.push(text)
        await ask("messages", { id: `m${++ids}`, parts: [{ type: "text", text }] })
      },
      start: async (agent, input) => {
        const id = `r${++ids}`
        await ask("runs", { id, agent, input })
        return id
      },
      whole: async (millis) => {
        await until(() => clients.every(({ view }) => JSON.stringify(textsOf(view)) === JSON.stringify(posted)), millis)
      }
    }
    await until(() => clients.every(({ connection }) => connection === "live"), 10_000)
    return {
      stack,
      close: () => {
        Object.assign(emulator.faults, calm)
        stop()
        for (const client of clients) client.close()
      }
    }
  }
  const close = async () => {
    working.abort()
    await consuming.catch(() => {})
    await backend.close()
    await served.close()
    await emulator.close()
  }
  return { open, close }
}
