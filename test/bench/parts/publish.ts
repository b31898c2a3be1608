/**
 * What a publish costs the process that calls it: ours against a plain `node:http` POST and against Azure's SDK.
 */
import type { Publishing } from "../peers/publisher.ts"
import { startProcess } from "../processes.ts"
import { atMost, median, table, type Part } from "../report.ts"

const ways = [
  { way: "plain", name: "plain node:http POST" },
  { way: "ours", name: "ours" },
  { way: "sdk", name: "@azure/web-pubsub" }
] as const

export const publish: Part = {
  name: "publish",
  title: "Publish, CPU per call",
  run: async ({ quick }) => {
    const measured = new Map<string, number[]>()
    const sink = startProcess("peers/sink.ts")
    const port = await sink.call<number>("listen")
    for (let round = 0; round < (quick ? 1 : 3); round++)
      for (const { way } of ways) {
        const publisher = startProcess("peers/publisher.ts")
        const calls = (way === "sdk" ? 1_000 : 10_000) * (quick ? 0.5 : 2)
        const micros = await publisher.call<number>("measure", { way, port, calls } satisfies Publishing)
        measured.set(way, [...(measured.get(way) ?? []), micros])
        await publisher.stop()
      }
    await sink.stop()
    const of = (way: string) => median(measured.get(way) ?? [])
    return {
      markdown: table(
        ["", "CPU µs/call"],
        ways.map(({ way, name }) => [name, of(way)])
      ),
      bounds: [
        atMost("publish: CPU / plain POST", of("ours") / of("plain"), 1.5),
        atMost("publish: CPU / @azure/web-pubsub", of("ours") / of("sdk"), 0.1)
      ]
    }
  }
}
