/**
 * Kill cycles: people work at their devices while the processes that serve them are killed at random moments, and
 * stopped for longer than a lease. Afterwards one history must be left, and everyone must have seen it.
 *
 * Checked for one thread after each cycle and for all of them at the end, by the history checker.
 */
import { setTimeout as sleep } from "node:timers/promises"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { checkHistory } from "../../src/conformance/history.ts"
import type { Breach, LogRecord, SideEffect } from "../../src/conformance/historyRecords.ts"
import type { Entry } from "../../src/protocol/Entry.ts"
import type { ThreadLogService } from "../../src/ports/ThreadLog.ts"
import type { OpenRun } from "../../src/thread/control.ts"
import { decodeControl } from "../../src/thread/decide.ts"
import { seeded } from "../client/virtual.ts"
import { openDevice, type Screen } from "./devices.ts"
import { openPerson, type Person } from "./people.ts"
import type { Programs } from "./programs.ts"
import type { GatewaySettings } from "./settings.ts"
import type { Store } from "./store.ts"
import { openWorld, type World } from "./world.ts"

export interface CyclesOptions {
  readonly programs: Programs
  readonly gateway: GatewaySettings["kind"]
  readonly store: Store
  readonly seed: number
  /** Of each: worker, server, gateway, and the store if it can be killed. */
  readonly cycles: number
  readonly threads: number
  /** How often a worker is stopped for longer than its lease, then continued. */
  readonly zombies: number
}
export interface CyclesReport {
  readonly kills: Readonly<Record<string, number>>
  readonly zombies: number
  readonly breaches: readonly Breach[]
  /** What else is wrong, in sentences. */
  readonly problems: readonly string[]
  readonly runs: number
  readonly outcomes: Readonly<Record<string, number>>
  /** Runs that another worker took over. */
  readonly takeovers: number
  readonly acknowledged: number
  readonly entries: number
  /** How often a device had to open another socket. */
  readonly reopened: number
  readonly restartMillis: number
  /** From the last kill until no run was open. */
  readonly healedMillis: number
  readonly seconds: number
}
const DEVICES = ["ann", "bob"]
const PAUSE_MILLIS = 1_500
/** Longest between two kills. */
const BETWEEN_MILLIS = 300
/** How long a cycle waits for a client to be back before the next one begins all the same. */
const BACK_MILLIS = 2_000
/** Longer than the short lease and the sweep after it. */
const ZOMBIE_MILLIS = 4_500
const HEAL_MILLIS = 60_000
const CATCH_UP_MILLIS = 15_000

export const killCycles = async (options: CyclesOptions): Promise<CyclesReport> => {
  const { cycles, programs, seed, store } = options
  const random = seeded(seed)
  const begun = performance.now()
  const world = await openWorld({ programs, gateway: options.gateway, store, workers: 3 })
  const names = Array.from({ length: options.threads }, (_, n) => `thread-${n}`)
  const devices = DEVICES.map((name) => openDevice(world.endpoint, name))
  const screens = new Map<string, readonly Screen[]>(
    names.map((name) => [name, devices.map((device) => device.open(name))])
  )
  const all = [...screens.values()].flat()
  const people = new Map<string, Person>()
  const breaches: Breach[] = []
  const problems: string[] = []
  try {
    names.forEach((name, n) =>
      people.set(name, openPerson(screens.get(name)!, { random: seeded(seed * 1_000 + n), pauseMillis: PAUSE_MILLIS }))
    )
    const check = async (checked: readonly string[], final: boolean) => {
      const found = await checkThreads({ world, screens, people, names: checked, final })
      breaches.push(...found)
      return found.length === 0
    }
    const zombies = raiseZombies(world, options.zombies, random)
    const kills: Record<string, number> = {}
    for (const kind of schedule(cycles, store, random)) {
      await sleep(random() * BETWEEN_MILLIS)
      if (kind === "store") await store.restart!()
      else if (kind === "worker") await world.workers[Math.floor(random() * 2)]!.restart()
      else await world[kind].restart()
      kills[kind] = (kills[kind] ?? 0) + 1
      // a kill of what nobody has come back to would prove nothing
      await until(BACK_MILLIS, async () => all.some(({ thread }) => thread.connection === "live"))
      if (!(await check([names[Math.floor(random() * names.length)]!], false))) break
    }
    const raised = await zombies()
    const healing = performance.now()
    await Promise.all([...people.values()].map((person) => person.stop()))
    const heads = () => Promise.all(names.map((name) => ask(world.log.head(`main/${name}`))))
    const open = async () => (await heads()).flatMap(({ control }) => decodeControl(control).runs)
    if (!(await until(HEAL_MILLIS, async () => (await open()).length === 0))) problems.push(stillOpen(await open()))
    const healedMillis = performance.now() - healing
    const whole = async () => {
      const ends = await heads()
      return names.every((name, n) => screens.get(name)!.every(({ thread }) => thread.view.offset === ends[n]!.offset))
    }
    if (!(await until(CATCH_UP_MILLIS, whole))) problems.push("a client is behind long after the last run ended")
    // what iterates over events is told a turn after the view
    await sleep(100)
    await check(names, true)
    problems.push(...(await unrecorded(world)))
    for (const { device, failed, thread } of all)
      if (failed() !== undefined) problems.push(`${device} in ${thread.thread}: ${String(failed())}`)
    const told = [...people.values()].flatMap((person) => person.told)
    const restarts = [world.gateway, world.server, ...world.workers].flatMap((place) => place.restarts)
    return {
      kills,
      zombies: raised,
      breaches,
      problems,
      ...(await summary(world.log, names)),
      acknowledged: told.filter(({ answer }) => answer?.ok === true).length,
      reopened: devices.reduce((sum, device) => sum + device.opened() - 1, 0),
      restartMillis: Math.round(restarts.sort((a, b) => a - b)[Math.floor(restarts.length / 2)] ?? 0),
      healedMillis: Math.round(healedMillis),
      seconds: Math.round((performance.now() - begun) / 1_000)
    }
  } finally {
    for (const person of people.values()) person.close()
    await Promise.all(all.map((screen) => screen.close()))
    await world.close()
  }
}

/** Every kind equally often, in an order of chance. */
const schedule = (cycles: number, store: Store, random: () => number) => {
  const kinds = ["worker", "server", "gateway", ...(store.restart === undefined ? [] : (["store"] as const))] as const
  return kinds
    .flatMap((kind) => Array.from({ length: cycles }, () => ({ kind, at: random() })))
    .sort((a, b) => a.at - b.at)
    .map(({ kind }) => kind)
}

/** The third worker is stopped and continued again and again. Answers how to wait for the end of it. */
const raiseZombies = (world: World, times: number, random: () => number) => {
  const worker = world.workers[2]!.process()
  const all = (async () => {
    for (let raised = 0; raised < times; raised++) {
      await sleep(500 + random() * 500)
      worker.signal("SIGSTOP")
      await sleep(ZOMBIE_MILLIS)
      worker.signal("SIGCONT")
    }
    return times
  })()
  return () => all
}

/** False when it does not hold in time. */
const until = async (millis: number, holds: () => Promise<boolean>): Promise<boolean> => {
  const end = Date.now() + millis
  while (!(await holds())) {
    if (Date.now() > end) return false
    await sleep(20)
  }
  return true
}
const stillOpen = (runs: readonly OpenRun[]): string => {
  const states: Record<string, number> = {}
  for (const { agent, due, epoch, status } of runs) {
    const state = `${agent} ${status}${due < Date.now() ? ", late" : ""}, epoch ${epoch}`
    states[state] = (states[state] ?? 0) + 1
  }
  return `runs are open long after the last kill: ${JSON.stringify(states)}`
}

/** A store that was just killed is asked until it is back. */
const ask = <A, E>(effect: Effect.Effect<A, E>): Promise<A> =>
  Effect.runPromise(Effect.retry(effect, { schedule: Schedule.spaced(50), times: 200 }))

const ALL = { limit: 1_000_000, maxBytes: 1024 * 1024 * 1024 }
const readLog = async (log: ThreadLogService, thread: string): Promise<LogRecord> => {
  const { entries, head } = await ask(log.read(thread, 0, ALL))
  return { thread, logId: head.logId, entries }
}

const checkThreads = async (options: {
  readonly world: World
  readonly screens: ReadonlyMap<string, readonly Screen[]>
  readonly people: ReadonlyMap<string, Person>
  readonly names: readonly string[]
  readonly final: boolean
}): Promise<readonly Breach[]> => {
  const { final, names, people, screens, world } = options
  // first what people saw, then the log: it must hold all of that
  const told = names.flatMap((name) => [...people.get(name)!.told])
  // while agents work, an effect may be missing on either side; both are whole when everything is at rest
  const effects = final ? sideEffects(world) : []
  const shown = names.map((name) => screens.get(name)!.map((screen) => screen.records({ final })))
  const breaches: Breach[] = []
  for (const [n, name] of names.entries()) {
    const log = await readLog(world.log, `main/${name}`)
    const clients = shown[n]!.flatMap((recordsIn) => recordsIn(log))
    breaches.push(
      ...checkHistory({
        logs: [log],
        clients,
        told: told.filter(({ thread }) => thread === log.thread),
        effects: effects.filter(({ thread }) => thread === log.thread),
        healed: final
      })
    )
  }
  return breaches
}
const sideEffects = (world: World): readonly SideEffect[] =>
  world
    .effects()
    .flatMap(({ call, epoch, idempotent, key, run, thread, what }) =>
      what === "ran" ? [{ thread: `main/${thread}`, run, epoch, key, call, idempotent }] : []
    )

/** Results that an agent was given and that the log does not hold. */
const unrecorded = async (world: World): Promise<readonly string[]> => {
  const missing: string[] = []
  for (const { key, run, thread, what } of world.effects()) {
    if (what === "ran") continue
    const note = await ask(world.log.note(`main/${thread}`, `step/${run}/${key.slice(run.length + 1)}`))
    if (note === undefined) missing.push(`the result of ${key} was given and is not recorded`)
  }
  return missing
}

const summary = async (log: ThreadLogService, names: readonly string[]) => {
  const outcomes: Record<string, number> = {}
  let [entries, runs, takeovers] = [0, 0, 0]
  for (const name of names) {
    for (const { body } of (await readLog(log, `main/${name}`)).entries) {
      entries++
      for (const event of (JSON.parse(body) as Entry).events as readonly Record<string, any>[]) {
        if (event["type"] === "run.accepted") runs++
        if (event["type"] === "run.started" && event["epoch"] > 1) takeovers++
        if (event["type"] !== "run.finished") continue
        const outcome: string = event["outcome"].error?.code ?? event["outcome"].type
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
      }
    }
  }
  return { entries, runs, takeovers, outcomes }
}
