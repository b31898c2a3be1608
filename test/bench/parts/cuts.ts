/**
 * Every socket, the worker's too, is cut once a second while 20 runs stream 50 tokens a second each. SQLite.
 *
 * A page has caught up when it says that it is live and shows every offset that the log had when its socket opened.
 */
import type { Mark, Marks } from "../ours/cutBackend.ts"
import type { Page } from "../ours/cutPages.ts"
import { temporaryFiles } from "../ours.ts"
import { startProcess, type Process } from "../processes.ts"
import { atLeast, atMost, median, percentile, table, type Part } from "../report.ts"
import { clock, type Load, type Produced, type Seen } from "../workload.ts"

const RUNS = 20
interface Measured {
  readonly cuts: number
  readonly sinceCut: readonly number[]
  readonly sinceOpen: readonly number[]
  /** From the cut until a socket was open again. */
  readonly reopened: readonly number[]
  readonly tokensPercent: number
  readonly viewsPercent: number
}

/** The newest offset at a moment. */
const offsetAt = (marks: readonly Mark[], at: number): number => {
  let offset = 0
  for (const [next, since] of marks) {
    if (since > at) break
    offset = next
  }
  return offset
}
const firstAfter = (moments: readonly number[], at: number) => moments.find((moment) => moment >= at)

/** When the page had caught up with what the log held as its socket opened; never, if it did not. */
const caughtUpAt = ({ live, applied }: Page, log: readonly Mark[], openedAt: number): number => {
  const wanted = offsetAt(log, openedAt)
  const shown = applied.find(([offset]) => offset >= wanted)?.[1] ?? Number.POSITIVE_INFINITY
  return Math.max(shown, firstAfter(live, openedAt) ?? Number.POSITIVE_INFINITY)
}

const measure = async (seconds: number): Promise<Measured> => {
  const load: Load = { runs: RUNS, tokensPerSecond: 50, seconds }
  const processes = ["ours/gateway.ts", "ours/cutBackend.ts", "ours/cutPages.ts"].map(startProcess)
  const [gateway, backend, pages] = processes as [Process, Process, Process]
  const connectionString = await gateway.call<string>("listen", { restDelayMillis: 0 })
  const endpoint = await backend.call<string>("serve", { connectionString, file: temporaryFiles().log })
  await pages.call("watch", { endpoint, runs: RUNS })
  await backend.call("ready", RUNS)

  await backend.call("produce", load)
  const begun = clock()
  const cuts: number[] = []
  // Once a second, whether or not everyone is back from the cut before.
  for (let second = 1; second < seconds; second++) {
    await new Promise((resolve) => setTimeout(resolve, begun + 1_000 * second - clock()))
    cuts.push(await gateway.call<number>("cut"))
  }
  const { tokens } = await backend.call<Produced>("produced")
  const seen = await pages.call<Seen>("seen", { tokens, quietMillis: 8_000 })
  const wrong = await pages.call<number>("wrong")
  const log = await backend.call<Marks>("appended")
  const watched = await pages.call<readonly Page[]>("pages")
  for (const process of processes.toReversed()) await process.stop()

  const returns = watched.flatMap((page) =>
    cuts.map((cutAt) => {
      const openedAt = firstAfter(page.opened, cutAt) ?? Number.POSITIVE_INFINITY
      return { cutAt, openedAt, caughtUpAt: caughtUpAt(page, log[page.thread] ?? [], openedAt) }
    })
  )
  const sorted = (millis: readonly number[]) => millis.toSorted((a, b) => a - b)
  return {
    cuts: cuts.length,
    sinceCut: sorted(returns.map(({ cutAt, caughtUpAt: at }) => at - cutAt)),
    sinceOpen: sorted(returns.map(({ openedAt, caughtUpAt: at }) => (at === openedAt ? 0 : at - openedAt))),
    reopened: sorted(returns.map(({ cutAt, openedAt }) => openedAt - cutAt)),
    tokensPercent: seen.inOrder ? (100 * seen.tokens) / tokens : 0,
    viewsPercent: (100 * (RUNS - wrong)) / RUNS
  }
}

export const cuts: Part = {
  name: "cuts",
  title: "Every socket cut once a second",
  run: async ({ quick }) => {
    const [rounds, seconds] = quick ? [1, 3] : [3, 60]
    const measured: Measured[] = []
    for (let round = 0; round < rounds; round++) measured.push(await measure(seconds))

    const figures = (of: (one: Measured) => readonly number[]) =>
      [0.5, 0.99, 1].map((share) => median(measured.map((one) => percentile(of(one), share)))) as [
        number,
        number,
        number
      ]
    const rows = [
      { name: "caught up since the socket was open", figures: figures((one) => one.sinceOpen) },
      { name: "caught up since the cut", figures: figures((one) => one.sinceCut) },
      { name: "socket open since the cut", figures: figures((one) => one.reopened) }
    ] as const
    return {
      markdown: table(
        [`${rounds} × ${measured[0]?.cuts ?? 0} cuts of ${RUNS} pages`, "p50 ms", "p99 ms", "longest ms"],
        rows.map(({ name, figures: [p50, p99, longest] }) => [name, p50, p99, longest])
      ),
      bounds: [
        atLeast("cuts: tokens seen, once and in order %", Math.min(...measured.map((one) => one.tokensPercent)), 100),
        atLeast("cuts: views equal to the log %", Math.min(...measured.map((one) => one.viewsPercent)), 100),
        atMost("cuts: caught up since the socket was open, p99 ms", rows[0].figures[1], 250),
        atMost("cuts: caught up since the cut, p99 ms", rows[1].figures[1], 1_000)
      ]
    }
  }
}
