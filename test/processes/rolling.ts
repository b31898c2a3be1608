/**
 * A rolling deployment under runs: another release's servers and workers come, then the present ones go. Clients and
 * their sockets stay.
 */
import { setTimeout as sleep } from "node:timers/promises"
import * as Runtime from "effect/Effect"
import { newId } from "../../src/client/id.ts"
import { checkHistory } from "../../src/conformance/history.ts"
import type { Breach, Told } from "../../src/conformance/historyRecords.ts"
import type { Entry } from "../../src/protocol/Entry.ts"
import { decodeControl } from "../../src/thread/decide.ts"
import { openDevice } from "./devices.ts"
import { freePort } from "./process.ts"
import type { Programs } from "./programs.ts"
import { openRouter } from "./router.ts"
import { openSqlite } from "./store.ts"
import { openPlace, openWorld, type Place } from "./world.ts"

export interface RollingReport {
  readonly breaches: readonly Breach[]
  readonly statuses: Readonly<Record<number, number>>
  /** How many sockets the clients' device had to open. */
  readonly opened: number
  readonly outcomes: Readonly<Record<string, number>>
  /** Runs that a second worker went on with. */
  readonly takeovers: number
  readonly runs: number
}
const THREADS = 10
const WORKERS = 2
const END_MILLIS = 60_000
/** The deployment begins when the runs are at work. */
const AGENTS = ["writer", "booker", "rebooker", "booker", "rewriter"]

export const roll = async (from: Programs, to: Programs): Promise<RollingReport> => {
  const routerPort = await freePort()
  const world = await openWorld({
    programs: from,
    gateway: "azure-web-pubsub",
    store: await openSqlite(),
    workers: WORKERS,
    routerPort
  })
  const router = await openRouter(routerPort)
  const old = (await world.server.process().ready)["url"] as string
  router.set([old])
  const device = openDevice(world.endpoint, "ann")
  const screens = Array.from({ length: THREADS }, (_, n) => device.open(`thread-${n}`))
  const told: Told[] = []
  const others: Place[] = []
  try {
    while (!screens.every(({ thread }) => thread.connection === "live")) await sleep(20)
    const start = async (agent: string, n: number) => {
      const { thread } = screens[n % THREADS]!
      const wanted = { id: newId(), agent, input: { stepMillis: 400, steps: 20 } }
      const answer = await thread.start(agent, wanted.input, { id: wanted.id })
      told.push({ type: "start", thread: `main/${thread.thread}`, by: "ann", start: wanted, answer })
    }
    const starts = Array.from({ length: 5 * THREADS }, (_, n) => ({ agent: AGENTS[n % AGENTS.length]!, n }))
    await Promise.all(starts.map(({ agent, n }) => start(agent, Math.floor(n / AGENTS.length))))
    const running = () => screens.flatMap(({ thread }) => thread.view.runs.filter(({ state }) => state === "running"))
    while (running().length < starts.length) await sleep(20)

    const roles = ["server", ...Array.from({ length: WORKERS }, () => "worker" as const)] as const
    const opening = roles.map(async (role) => {
      const place = await openPlace(role, world.program({ role, port: 0 }, to))
      others.push(place)
      return place
    })
    const [next] = (await Promise.all(opening)) as [Place]
    const url = (await next.process().ready)["url"] as string
    router.set([old, url])
    await start("writer", 0)
    router.set([url])
    for (const worker of world.workers) worker.process().signal("SIGTERM")
    await router.drained(old)
    world.server.process().signal("SIGTERM")
    await Promise.all([...world.workers, world.server].map((place) => place.process().ended))
    await start("booker", 1)

    const until = Date.now() + END_MILLIS
    const heads = () =>
      Promise.all(screens.map(({ thread }) => Runtime.runPromise(world.log.head(`main/${thread.thread}`))))
    for (;;) {
      const now = await heads()
      const ended = now.every(({ control }) => decodeControl(control).runs.length === 0)
      if (ended && screens.every(({ thread }, n) => thread.view.offset === now[n]!.offset)) break
      // what is not so now is told by the checker
      if (Date.now() > until) break
      await sleep(50)
    }
    await sleep(100)
    const outcomes: Record<string, number> = {}
    const breaches: Breach[] = []
    let takeovers = 0
    for (const screen of screens) {
      const thread = `main/${screen.thread.thread}`
      const recordsIn = screen.records({ final: true })
      const { entries, head } = await Runtime.runPromise(
        world.log.read(thread, 0, { limit: 1_000_000, maxBytes: 2 ** 30 })
      )
      const log = { thread, logId: head.logId, entries }
      const clients = recordsIn(log)
      const mine = told.filter((one) => one.thread === thread)
      breaches.push(...checkHistory({ logs: [log], clients, told: mine, effects: [], healed: true }))
      for (const { body } of entries)
        for (const event of (JSON.parse(body) as Entry).events as readonly Record<string, any>[]) {
          if (event["type"] === "run.started" && event["epoch"] === 2) takeovers++
          if (event["type"] !== "run.finished") continue
          const outcome: string = event["outcome"].error?.code ?? event["outcome"].type
          outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
        }
    }
    return { breaches, statuses: router.statuses, opened: device.opened(), outcomes, takeovers, runs: told.length }
  } finally {
    await Promise.all(screens.map((screen) => screen.close()))
    await Promise.all(others.map((place) => place.process().kill()))
    await world.close()
    await router.close()
  }
}
