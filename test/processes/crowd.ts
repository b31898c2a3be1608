/**
 * Crowds that lose their sockets together: a thousand real clients, and ten thousand of the client's real code on a
 * clock of its own, where a minute passes in seconds.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { azureWebPubSubClient } from "../../adapters/gateways/azure-web-pubsub/client.ts"
import { openThread, type Thread } from "../../src/client/index.ts"
import { fakeBackend, fakeGateway, runEvents } from "../client/fake.ts"
import { seeded, START, type VirtualClock } from "../client/virtual.ts"
import type { Programs } from "./programs.ts"
import { openSqlite } from "./store.ts"
import { openWorld } from "./world.ts"

/** From the cut of all sockets until every client shows what was said meanwhile. `forget`: none can be recovered. */
export const realCrowd = async (programs: Programs, clients: number) => {
  const store = await openSqlite()
  const world = await openWorld({
    programs,
    gateway: "azure-web-pubsub",
    store,
    workers: 0,
    reconnectSpreadMillis: 5_000
  })
  const threads: Thread[] = []
  try {
    // a person each, for one alone may ask no more than so much
    for (let n = 0; n < clients; n++) {
      const gateways = [azureWebPubSubClient()]
      threads.push(openThread({ endpoint: world.endpoint, thread: "crowd", gateways, token: () => `reader${n}` }))
    }
    const whole = async (offset: number) => {
      const isWhole = ({ connection, view }: Thread) => connection === "live" && view.offset >= offset
      while (!threads.every(isWhole)) await sleep(20)
    }
    await whole(0)
    const wholeMillis: number[] = []
    for (const fault of ["cut", "forget"]) {
      const begun = performance.now()
      await world.gateway.process().ask({ [fault]: true })
      const posted = await threads[0]!.post("Still there?")
      if (!posted.ok) throw new Error(posted.error.message)
      await whole(posted.offset)
      wholeMillis.push(Math.round(performance.now() - begun))
    }
    return wholeMillis
  } finally {
    for (const thread of threads) thread.close()
    await world.close()
  }
}

/** Timers by millisecond: what a crowd's clock has to do is little and the same for each. */
const crowdClock = (seed: number): VirtualClock => {
  let time = START
  let count = 0
  const moments = new Map<number, Map<number, () => void>>()
  const places = new Map<number, number>()
  const settle = async () => {
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  return {
    now: () => time,
    random: seeded(seed),
    setTimeout: (run, millis) => {
      const at = Math.ceil(time + Math.max(0, millis))
      places.set(++count, at)
      const moment = moments.get(at)
      if (moment === undefined) moments.set(at, new Map([[count, run]]))
      else moment.set(count, run)
      return count
    },
    clearTimeout: (timer) => {
      moments.get(places.get(timer as number) ?? 0)?.delete(timer as number)
      places.delete(timer as number)
    },
    onWake: () => () => {},
    wake: () => {},
    pending: () => places.size,
    settle,
    advance: async (millis) => {
      const end = time + millis
      await settle()
      for (; time <= end; time++) {
        // what is due now may make more that is due now
        for (let due = moments.get(time); due !== undefined; due = moments.get(time)) {
          moments.delete(time)
          for (const [timer, run] of due) {
            places.delete(timer)
            run()
          }
          await settle()
        }
      }
      time = end
    }
  }
}

export interface CrowdReport {
  /** Largest share of the clients whose socket opened within any 100 ms. */
  readonly opened: number
  /** The same for the requests that the backend got, and for the attempts that the gateway saw. */
  readonly asked: number
  readonly tried: number
  /** From the return of the gateway until every client was whole. */
  readonly wholeMillis: number
}
const WINDOW_MILLIS = 100

/** A gateway that ends every socket and is away for a while, as when it is started anew. */
export const simulatedCrowd = async (options: {
  readonly clients: number
  readonly awayMillis: number
  readonly seed: number
}) => {
  const { awayMillis, clients, seed } = options
  const clock = crowdClock(seed)
  const backend = fakeBackend(clock)
  const gateway = fakeGateway(clock)
  backend.latencyMillis = 40
  gateway.openMillis = 20
  const [openings, requests, attempts]: [number[], number[], number[]] = [[], [], []]
  backend.append("crowd", runEvents.begin("r"))
  const counted = {
    ...gateway,
    connect: (...[grant, handlers]: Parameters<typeof gateway.connect>) => {
      attempts.push(clock.now())
      const onOpen = () => {
        openings.push(clock.now())
        handlers.onOpen()
      }
      return gateway.connect(grant, { ...handlers, onOpen })
    }
  }
  backend.intercept = () => void requests.push(clock.now())
  const threads = Array.from({ length: clients }, () =>
    openThread({
      endpoint: "/api",
      thread: "crowd",
      gateways: [counted],
      token: () => "ann",
      fetch: backend.fetch,
      environment: clock
    })
  )
  await clock.advance(10_000)
  const live = () => threads.every(({ connection }) => connection === "live")
  if (!live()) throw new Error("not every client came to be live")
  for (const list of [openings, requests, attempts]) list.length = 0
  backend.calls.length = 0
  gateway.opens = false
  for (const socket of gateway.sockets.splice(0)) socket.cut()
  await clock.advance(awayMillis)
  gateway.opens = true
  const { offset } = backend.append("crowd", runEvents.end("r"))
  const back = clock.now()
  const isWhole = () => live() && threads.every(({ view }) => view.offset === offset)
  while (!isWhole() && clock.now() - back < 120_000) await clock.advance(100)
  const wholeMillis = clock.now() - back
  for (const thread of threads) thread.close()
  return {
    opened: peak(openings) / clients,
    asked: peak(requests) / clients,
    tried: peak(attempts) / clients,
    wholeMillis
  } satisfies CrowdReport as CrowdReport
}
/** Most of the moments within one window; they ascend. */
const peak = (moments: readonly number[]): number => {
  let [most, from] = [0, 0]
  for (let to = 0; to < moments.length; to++) {
    while (moments[to]! - moments[from]! >= WINDOW_MILLIS) from++
    most = Math.max(most, to - from + 1)
  }
  return most
}
