/**
 * How long it takes until somebody who comes late sees the whole thread: one of 10,000 events that nobody has folded
 * yet, and one of 100,000 with a saved snapshot and a tail. SQLite, five events an entry; and what a join costs the
 * store where the store is Azure Tables.
 */
import { isDeepStrictEqual } from "node:util"
import type { View } from "throughline/protocol"
import { startCountedStore } from "../ours/countedStore.ts"
import type { Came, Coming } from "../ours/latecomer.ts"
import type { Filling } from "../ours/longThreads.ts"
import { temporaryFiles } from "../ours.ts"
import type { TablesServing } from "../ours/tablesServer.ts"
import { startProcess, type Process } from "../processes.ts"
import { atLeast, atMost, median, percentile, table, type Bound, type Part } from "../report.ts"

const SHORT = 10_000
/** What was appended since the snapshot was saved. */
const TAIL = 1_000

const fill = async (filling: Filling): Promise<View> => {
  const filler = startProcess("ours/longThreads.ts")
  await filler.call("fill", filling)
  let view: View | undefined
  while (view === undefined) view = await filler.call<View | undefined>("filled")
  await filler.stop()
  return view
}
const names = (what: string, count: number) => Array.from({ length: count }, (_, number) => `${what}-${number}`)
/** The threads differ in their log's id, and in nothing else. */
const isSame = (view: View, replay: View) => isDeepStrictEqual({ ...view, logId: replay.logId }, replay)

interface Round {
  readonly live: readonly number[]
  readonly complete: readonly number[]
}
interface Case {
  readonly name: string
  readonly rounds: Round[]
  right: number
  joins: number
}

const onSqlite = async (options: { readonly rounds: number; readonly joins: number; readonly long: number }) => {
  const { rounds, joins, long } = options
  const { log: file } = temporaryFiles()
  const fresh = names("fresh", rounds * joins)
  const eventsPerEntry = 5
  const short = await fill({ store: { file }, threads: fresh, events: SHORT, eventsPerEntry })
  const snapshotAfter = long - TAIL
  const whole = await fill({ store: { file }, threads: ["long", "warm"], events: long, eventsPerEntry, snapshotAfter })

  const processes = ["ours/gateway.ts", "ours/backend.ts", "ours/latecomer.ts"].map(startProcess)
  const [gateway, server, page] = processes as [Process, Process, Process]
  const connectionString = await gateway.call<string>("listen", { restDelayMillis: 0 })
  const files = { log: file, queue: temporaryFiles().queue }
  const endpoint = await server.call<string>("serve", { connectionString, files, role: "server" })
  const join = (thread: string) => page.call<Came>("join", { endpoint, thread } satisfies Coming)
  const joinAll = async (into: Case, threads: readonly string[], replay: View) => {
    const live: number[] = []
    const complete: number[] = []
    for (const thread of threads) {
      const came = await join(thread)
      live.push(came.liveMillis)
      complete.push(came.completeMillis)
      into.joins++
      if (isSame(came.view, replay)) into.right++
    }
    into.rounds.push({ live: live.toSorted((a, b) => a - b), complete: complete.toSorted((a, b) => a - b) })
  }
  // A server that runs, and a page whose modules are loaded.
  for (let again = 0; again < 3; again++) await join("warm")
  const none: Case = { name: "10,000 events, no snapshot", rounds: [], right: 0, joins: 0 }
  const saved: Case = { name: `${long.toLocaleString("en")} events, saved snapshot`, rounds: [], right: 0, joins: 0 }
  for (let round = 0; round < rounds; round++) {
    await joinAll(none, fresh.slice(round * joins, (round + 1) * joins), short)
    await joinAll(
      saved,
      Array.from({ length: joins }, () => "long"),
      whole
    )
  }
  for (const process of processes.toReversed()) await process.stop()
  return [none, saved]
}

/** Store requests of one join to a server that has just started, and of the join after it. */
const onTables = async () => {
  const store = await startCountedStore()
  const gateway = startProcess("ours/gateway.ts")
  const page = startProcess("ours/latecomer.ts")
  const connectionString = await gateway.call<string>("listen", { restDelayMillis: 0 })
  const cases = [
    { name: "10,000 events, no snapshot", events: SHORT, tail: undefined },
    { name: "100,000 events, saved snapshot", events: 100_000, tail: TAIL }
  ]
  const rows: { readonly name: string; readonly first: number; readonly next: number; readonly right: boolean }[] = []
  for (const [index, { name, events, tail }] of cases.entries()) {
    const thread = `tables-${index}`
    // Few, large entries for the long one: what a join reads is its snapshot and its tail.
    const replay = await fill({
      store: { connectionString: store.direct },
      threads: [thread],
      events,
      eventsPerEntry: tail === undefined ? 5 : 100,
      ...(tail === undefined ? {} : { snapshotAfter: events - tail })
    })
    const server = startProcess("ours/tablesServer.ts")
    const serving: TablesServing = { connectionString, storage: store.counted }
    const endpoint = await server.call<string>("serve", serving)
    store.take()
    const came = await page.call<Came>("join", { endpoint, thread } satisfies Coming)
    const first = store.take().length
    const again = await page.call<Came>("join", { endpoint, thread } satisfies Coming)
    const next = store.take().length
    rows.push({ name, first, next, right: isSame(came.view, replay) && isSame(again.view, replay) })
    await server.stop()
  }
  for (const process of [page, gateway]) await process.stop()
  await store.close()
  return rows
}

export const lateJoin: Part = {
  name: "late-join",
  title: "Late join",
  run: async ({ quick }) => {
    const [rounds, joins, long] = quick ? [1, 3, 20_000] : [3, 20, 100_000]
    const cases = await onSqlite({ rounds, joins, long })
    const figure = (all: readonly Round[], which: keyof Round, share: number) =>
      median(all.map((round) => percentile(round[which], share)))
    const times = table(
      [`SQLite, ${rounds} × ${joins} joins`, "live p50 ms", "live p99 ms", "complete p50 ms", "complete p99 ms"],
      cases.map(({ name, rounds: all }) => [
        name,
        figure(all, "live", 0.5),
        figure(all, "live", 0.99),
        figure(all, "complete", 0.5),
        figure(all, "complete", 0.99)
      ])
    )
    const bounds: Bound[] = cases.flatMap(({ name, rounds: all, right, joins: joined }) => [
      atMost(`late join, ${name}: live and complete, p99 ms`, figure(all, "complete", 0.99), 300),
      atLeast(`late join, ${name}: views equal to a full replay %`, (100 * right) / joined, 100)
    ])
    if (quick) return { markdown: times, bounds }

    const stores = await onTables()
    const counts = table(
      ["Azure Tables (Azurite)", "requests, server just started", "requests, then", "view equal to a full replay"],
      stores.map(({ name, first, next, right }) => [name, first, next, right ? "yes" : "no"])
    )
    return {
      markdown: `${times}\n\n${counts}`,
      bounds: [
        ...bounds,
        ...stores.map(({ name, first, next }) =>
          atMost(`late join, ${name}: store requests on Azurite`, Math.max(first, next), 12)
        )
      ]
    }
  }
}
