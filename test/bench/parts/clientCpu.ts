/**
 * What an event costs the page: our client in a short and in a long thread, against `ws` and `JSON.parse`.
 */
import type { Stand } from "../peers/frames.ts"
import type { Reading } from "../peers/reader.ts"
import { startProcess } from "../processes.ts"
import { atMost, median, table, type Part } from "../report.ts"

const ways = [
  { name: "ws + JSON.parse" },
  { name: "Throughline, thread of 10 messages", messages: 10 },
  { name: "Throughline, thread of 1,000 messages", messages: 1_000 }
]
const stand: Stand = { logId: "log", thread: "bench", offset: 1_000, run: "run", part: "part" }

const measure = async (frames: number, messages: number | undefined) => {
  const server = startProcess("peers/frames.ts")
  const reader = startProcess("peers/reader.ts")
  const port = await server.call<number>("listen")
  await reader.call("read", { port, stand, ...(messages === undefined ? {} : { messages }) } satisfies Reading)
  await server.call("send", { stand, count: frames })
  const warm = await reader.call<number>("reached", frames)
  await server.call("send", { stand, count: frames })
  const done = await reader.call<number>("reached", 2 * frames)
  await reader.stop()
  await server.stop()
  return (done - warm) / frames
}

export const clientCpu: Part = {
  name: "client-cpu",
  title: "Client, CPU per event",
  run: async ({ quick }) => {
    const measured = new Map<string, number[]>()
    for (let round = 0; round < (quick ? 1 : 5); round++)
      for (const { name, messages } of ways) {
        const micros = await measure(quick ? 10_000 : 40_000, messages)
        measured.set(name, [...(measured.get(name) ?? []), micros])
      }
    const [plain = 0, short = 0, long = 0] = ways.map(({ name }) => median(measured.get(name) ?? []))
    return {
      markdown: table(
        ["", "CPU µs/event"],
        ways.map(({ name }) => [name, median(measured.get(name) ?? [])])
      ),
      bounds: [
        atMost("client: CPU, 10 messages / (ws + JSON.parse)", short / plain, 2),
        atMost("client: CPU, 1,000 messages / (ws + JSON.parse)", long / plain, 2),
        atMost("client: CPU, 1,000 messages / 10 messages", long / short, 1.2)
      ]
    }
  }
}
