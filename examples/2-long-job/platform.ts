/**
 * A function platform in small: it delivers each job by starting a function, one at a time, lets it live for a few
 * seconds, kills what does not end by itself, and calls the sweeper now and then. The server answers clients and
 * holds nothing.
 */
import { fork } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { randomBytes } from "node:crypto"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { startWsGateway } from "throughline/adapters/gateways/ws/gateway"
import type { Job } from "throughline/effect"
import { serve } from "throughline/node"
import { refundsBackend } from "./backend.ts"
import type { FromFunction, ToFunction } from "./function.ts"
import { openPayments } from "./payments.ts"
import type { Payments } from "./payments.ts"
import { createSite } from "./site.ts"

/** How long a function may work; and how long after that the platform waits before it kills. */
const LIFE_MILLIS = 3_000
const GRACE_MILLIS = 2_000
const SWEEP_MILLIS = 3_000

export interface Platform {
  readonly url: string
  readonly token: string
  readonly payments: Payments
  /** Kills the function that works now, as a machine that breaks would. `false` if none does. */
  readonly kill: () => boolean
  /** How many functions were started. */
  readonly started: () => number
  readonly close: () => Promise<void>
}

export const startPlatform = async (): Promise<Platform> => {
  const folder = await mkdtemp(join(tmpdir(), "throughline-long-job-"))
  const key = randomBytes(32).toString("base64url")
  const token = randomBytes(32).toString("base64url")
  const gateway = await startWsGateway({ key })
  const settings = { folder, gateway: { url: gateway.url, key }, token }
  const waiting: Job[] = []
  let working: { readonly job: Job; readonly child: ChildProcess; readonly exit: Promise<void> } | undefined
  let started = 0
  let closed = false

  /** The sweeper enqueues a late run each time that it looks: the same job is delivered once. */
  const enqueue = (job: Job): void => {
    const isSame = (other: Job | undefined): boolean => other?.run === job.run && other.epoch === job.epoch
    if (isSame(working?.job) || waiting.some(isSame)) return
    waiting.push(job)
    deliver()
  }
  const deliver = (): void => {
    const job = working === undefined && !closed ? waiting.shift() : undefined
    if (job === undefined) return
    started += 1
    const child = fork(fileURLToPath(new URL("function.ts", import.meta.url)), {
      execArgv: [...process.execArgv, "--disable-warning=ExperimentalWarning"]
    })
    let timer: NodeJS.Timeout | undefined
    child.on("message", (message: FromFunction) => {
      if (message.type === "enqueue") return enqueue(message.job)
      timer = setTimeout(() => child.kill("SIGKILL"), LIFE_MILLIS + GRACE_MILLIS)
    })
    const exit = new Promise<void>((resolve) => {
      child.once("exit", () => {
        clearTimeout(timer)
        working = undefined
        resolve()
        deliver()
      })
    })
    working = { job, child, exit }
    child.send({ settings, job, millis: LIFE_MILLIS } satisfies ToFunction)
  }

  const backend = await refundsBackend(settings, enqueue)
  await backend.ready()
  const site = await createSite({ token, socket: gateway.url })
  const server = await serve(
    {
      fetch: (request) => (new URL(request.url).pathname.startsWith("/api/") ? backend.fetch(request) : site(request))
    },
    { port: 0 }
  )
  gateway.setUpstream(`${server.url}/api/upstream/ws`)
  let sweeping: Promise<unknown> = Promise.resolve()
  const timer = setInterval(() => {
    sweeping = sweeping.then(() => backend.sweep()).catch(() => {})
  }, SWEEP_MILLIS)
  return {
    url: `${server.url}/`,
    token,
    payments: await openPayments(folder),
    kill: () => working?.child.kill("SIGKILL") === true,
    started: () => started,
    close: async () => {
      closed = true
      clearInterval(timer)
      working?.child.kill("SIGKILL")
      await Promise.all([working?.exit, sweeping])
      await server.close()
      await backend.close()
      await gateway.close()
      await rm(folder, { recursive: true, force: true })
    }
  }
}
