/**
 * How long it takes until somebody who comes late sees the whole thread: one of 10,000 events that nobody has folded
 * yet, and one of 100,000 with a saved snapshot. SQLite; ten events an entry.
 */
import { isDeepStrictEqual } from "node:util"
import type { View } from "throughline/protocol"
import type { Filling } from "../ours/filler.ts"
import type { Joined, Joining } from "../ours/joiner.ts"
import { temporaryFiles } from "../ours.ts"
import { startProcess, type Process } from "../processes.ts"
import { atLeast, atMost, percentile, table, type Part } from "../report.ts"

export const lateJoin: Part = {
  name: "late-join",
  title: "Late join",
  run: async ({ quick }) => {
    const files = temporaryFiles()
    const filler = startProcess("ours/filler.ts")
    const fill = (thread: string, events: number) =>
      filler.call<View>("fill", { file: files.log, thread, events } satisfies Filling)
    const fresh = new Map<string, View>()
    for (let number = 0; number < (quick ? 2 : 25); number++)
      fresh.set(`fresh-${number}`, await fill(`fresh-${number}`, 10_000))
    const long = await fill("long", quick ? 20_000 : 100_000)
    await filler.stop()

    const processes = ["ours/gateway.ts", "ours/backend.ts", "ours/joiner.ts"].map(startProcess)
    const [gateway, server, page] = processes as [Process, Process, Process]
    const connectionString = await gateway.call<string>("listen", { restDelayMillis: 0 })
    const endpoint = await server.call<string>("serve", { connectionString, files, role: "server" })
    let wrong = 0
    const join = async (thread: string, expected: View) => {
      const { millis, view } = await page.call<Joined>("join", { endpoint, thread } satisfies Joining)
      // What the answer could not carry as JSON is not in a view.
      if (!isDeepStrictEqual(view, expected)) wrong++
      return millis
    }
    const unfolded: number[] = []
    const snapshotted: number[] = []
    // Modules are loaded and the first snapshot of the long thread is saved.
    await join("long", long)
    for (const [thread, view] of fresh) unfolded.push(await join(thread, view))
    for (let again = 0; again < (quick ? 5 : 50); again++) snapshotted.push(await join("long", long))
    for (const process of processes.toReversed()) await process.stop()

    const rows = [
      { name: "10,000 events, no snapshot", sorted: unfolded.toSorted((a, b) => a - b) },
      { name: `${quick ? "20,000" : "100,000"} events, saved snapshot`, sorted: snapshotted.toSorted((a, b) => a - b) }
    ].map(({ name, sorted }) => ({
      name,
      p50: percentile(sorted, 0.5),
      p99: percentile(sorted, 0.99),
      joins: sorted.length
    }))
    return {
      markdown: table(
        ["", "p50 ms", "p99 ms", "joins"],
        rows.map(({ name, p50, p99, joins }) => [name, p50, p99, joins])
      ),
      bounds: [
        ...rows.map(({ name, p99 }) => atMost(`late join, ${name}: p99 ms`, p99, 300)),
        atLeast("late join: views equal to a full replay %", wrong === 0 ? 100 : 0, 100)
      ]
    }
  }
}
