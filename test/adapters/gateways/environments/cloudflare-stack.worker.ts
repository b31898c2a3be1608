/**
 * Everything in one Worker: the backend, its log and its gateway in Durable Objects, its jobs in a Cloudflare queue.
 *
 * A backend is made for each event and closed after it: what one event has begun, such as a timer, ends with it, and no
 * other may wait for it.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createBackend, defineAgent } from "throughline"
import { JobQueue, type Job } from "throughline/effect"
import * as z from "zod"
import { durableObjectsGateway } from "../../../../adapters/gateways/cloudflare-durable-objects/server.ts"
import {
  handleGateway,
  ThroughlineGroup,
  type GatewayWorkerEnv
} from "../../../../adapters/gateways/cloudflare-durable-objects/worker.ts"
import { durableObjectsLog } from "../../../../adapters/logs/durable-objects/log.ts"
import {
  ThroughlineDue,
  ThroughlineThread,
  type LogWorkerEnv
} from "../../../../adapters/logs/durable-objects/object.ts"

export { ThroughlineDue, ThroughlineGroup, ThroughlineThread }

interface Env extends GatewayWorkerEnv, LogWorkerEnv {
  readonly JOBS: { readonly send: (job: Job) => Promise<void> }
  /** Where clients reach this Worker. */
  readonly PUBLIC_URL: string
}
interface Context {
  readonly waitUntil: (work: Promise<unknown>) => void
}
interface Batch {
  readonly messages: readonly { readonly body: unknown; readonly ack: () => void; readonly retry: () => void }[]
}
const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

const talker = defineAgent({
  name: "talker",
  input: z.object({ tokens: z.number() }),
  run: async (run, { tokens }) => {
    for (let n = 1; n <= tokens && !run.signal.aborted; n++) {
      await run.text(`${n} `)
      await pause(5)
    }
  }
})
const open = (env: Env) =>
  createBackend({
    agents: [talker],
    log: durableObjectsLog({ threads: env.THROUGHLINE_THREADS, due: env.THROUGHLINE_DUE }),
    queue: Layer.succeed(
      JobQueue,
      JobQueue.of({ name: "cloudflare-queues", enqueue: (job) => Effect.promise(() => env.JOBS.send(job)) })
    ),
    gateway: durableObjectsGateway({
      namespace: env.THROUGHLINE_GROUPS,
      clientUrl: `${env.PUBLIC_URL}/live`,
      key: env.THROUGHLINE_KEY
    }),
    authenticate: (request) => (request.headers.get("authorization") === "Bearer ann" ? { id: "ann" } : null),
    authorize: () => true,
    reconnectSpreadMillis: 50
  })

// oxlint-disable-next-line import/no-default-export -- what workerd looks for
export default {
  fetch: async (request: Request, env: Env, context: Context): Promise<Response> => {
    if (new URL(request.url).pathname.startsWith("/live/")) return handleGateway(request, env)
    const backend = open(env)
    try {
      return await backend.fetch(request)
    } finally {
      context.waitUntil(backend.close())
    }
  },
  queue: async ({ messages }: Batch, env: Env): Promise<void> => {
    const backend = open(env)
    for (const message of messages) {
      try {
        await backend.work(message.body, { deadline: new Date(Date.now() + 10 * 60_000) })
        message.ack()
      } catch {
        message.retry()
      }
    }
    await backend.close()
  },
  scheduled: async (_event: unknown, env: Env): Promise<void> => {
    const backend = open(env)
    await backend.sweep()
    await backend.close()
  }
}
