/**
 * Three writers of one thread, processes of their own on one SQLite file, 2, 5 and 30 ms away from it: two stream, the
 * third sends an interrupt or a message every second. Nobody starves, whoever of them streams.
 */
import type { Distance } from "../ours/distantWriter.ts"
import { temporaryFiles } from "../ours.ts"
import { startProcess } from "../processes.ts"
import { atMost, median, table, type Part } from "../report.ts"
import { clock } from "../workload.ts"

const LAGS = [2, 5, 30]
interface Sent {
  readonly begun: number
  readonly millis: number
}
interface Contention {
  /** The longest that a writer that streams went without an append, by its lag. */
  readonly gaps: ReadonlyMap<number, number>
  /** Until each was durable and answered. */
  readonly interrupts: readonly number[]
  readonly messages: readonly number[]
  /** From the request until the agent read it. */
  readonly heard: readonly number[]
}

const contend = async (third: number, seconds: number): Promise<Contention> => {
  const { log: file } = temporaryFiles()
  const writers = LAGS.map((lag) => ({ lag, run: `run-${lag}`, process: startProcess("ours/distantWriter.ts") }))
  for (const { lag, process } of writers) await process.call("open", { file, lag } satisfies Distance)
  const streaming = writers.filter(({ lag }) => lag !== third)
  const sender = writers.find(({ lag }) => lag === third)
  if (!sender) throw new Error(`no writer ${third} ms away`)
  for (const { process, run } of streaming) await process.call("stream", run)

  const begun = clock()
  const interrupts: { readonly id: string; readonly sent: Promise<Sent> }[] = []
  const messages: Promise<Sent>[] = []
  // Every second, however long the one before takes.
  for (let second = 0; second < seconds; second++) {
    const id = crypto.randomUUID()
    const run = streaming[second % streaming.length]?.run
    if (second % 3 === 2) messages.push(sender.process.call<Sent>("post", id))
    else interrupts.push({ id, sent: sender.process.call<Sent>("steer", { id, run }) })
    await new Promise((resolve) => setTimeout(resolve, begun + 1_000 * (second + 1) - clock()))
  }
  const ended = clock()
  const sentMessages = await Promise.all(messages)
  const sentInterrupts = await Promise.all(interrupts.map(async ({ id, sent }) => ({ id, ...(await sent) })))
  // Two seconds for the agents to read the last of them; who is not heard by then counts as never.
  await new Promise((resolve) => setTimeout(resolve, 2_000))
  const heardAt: Record<string, number> = {}
  const gaps = new Map<number, number>()
  for (const { lag, process } of streaming) {
    Object.assign(heardAt, await process.call<Record<string, number>>("heardAt"))
    const appends = (await process.call<number[]>("appendedAt")).filter((at) => at > begun && at < ended)
    const marks = [begun, ...appends, ended]
    gaps.set(lag, Math.max(...marks.slice(1).map((at, index) => at - (marks[index] ?? at))))
  }
  for (const { process } of writers) await process.call("end")
  for (const { process } of writers) await process.stop()
  return {
    gaps,
    interrupts: sentInterrupts.map(({ millis }) => millis),
    messages: sentMessages.map(({ millis }) => millis),
    heard: sentInterrupts.map(({ id, begun: sentAt }) => (heardAt[id] ?? Number.POSITIVE_INFINITY) - sentAt)
  }
}

export const writers: Part = {
  name: "writers",
  title: "Three writers of one thread",
  run: async ({ quick }) => {
    const [rounds, seconds] = quick ? [1, 3] : [3, 20]
    const measured = new Map<number, Contention[]>()
    for (let round = 0; round < rounds; round++)
      // in a hurry, only who has it hardest
      for (const third of quick ? LAGS.slice(-1) : LAGS)
        measured.set(third, [...(measured.get(third) ?? []), await contend(third, seconds)])

    const rows = [...measured].map(([third, all]) => ({
      third,
      gap: Math.max(...all.flatMap(({ gaps }) => [...gaps.values()])),
      interrupts: all.flatMap(({ interrupts }) => interrupts),
      messages: all.flatMap(({ messages }) => messages),
      heard: all.flatMap(({ heard }) => heard)
    }))
    return {
      markdown: table(
        [
          "who sends, while the others stream",
          "a streamer's longest gap ms",
          "interrupt p50 ms",
          "longest ms",
          "message longest ms",
          "read by the agent, longest ms"
        ],
        rows.map(({ third, gap, interrupts, messages, heard }) => [
          `${third} ms away`,
          gap,
          median(interrupts),
          Math.max(...interrupts),
          Math.max(...messages),
          Math.max(...heard)
        ])
      ),
      // A promise to everyone: the longest of all rounds counts.
      bounds: rows.flatMap(({ third, gap, interrupts, messages }) => [
        atMost(`writers, ${third} ms away sends: every writer appends, longest ms`, Math.max(gap, ...messages), 1_000),
        atMost(`writers, ${third} ms away sends: an interrupt lands, longest ms`, Math.max(...interrupts), 1_000)
      ])
    }
  }
}
