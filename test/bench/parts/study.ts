/**
 * The study of serverless chat, again: 10, 50 and 100 screens on one thread, 10,000 messages, over every gateway that
 * this machine can run, beside the floor: a backend that hands each message to a gateway with one POST, both of which keep and check nothing.
 */
import type { GatewayName, GatewaySettings } from "../../../examples/gateways/settings.ts"
import { GATEWAYS } from "../../../src/cli/stack.ts"
import { startProcess, type Process } from "../processes.ts"
import { atLeast, atMost, table, type Bound, type Part } from "../report.ts"
import type { Chat, Heard } from "../study/chat.ts"

const CONNECTIONS = [10, 50, 100]
const THREAD = "study"
interface Row extends Heard {
  readonly name: string
  readonly connections: number
  readonly messages: number
  /** CPU of everything but the screens, and of the screens, per message. */
  readonly serverMicros: number
  readonly screenMicros: number
}
interface Arena {
  readonly send: (chat: Chat) => Promise<void>
  readonly screens: Process
  readonly servers: readonly Process[]
  readonly treeMicros: () => Promise<number>
  readonly close: () => Promise<void>
}

const over =
  (name: GatewayName) =>
  async (connections: number): Promise<Arena> => {
    const [service, backend, people, screens] = ["service", "backend", "people", "screens"].map((file) =>
      startProcess(`study/${file}.ts`)
    ) as [Process, Process, Process, Process]
    const endpoint = await backend.call<string>("listen")
    const upstream = `${endpoint}/upstream/${name}`
    const settings = await service.call<GatewaySettings>("start", { name, upstream })
    await Promise.all([backend.call("use", settings), service.call("ready")])
    await screens.call("watch", { connections, endpoint, thread: THREAD })
    return {
      send: (chat) => people.call("send", { chat, endpoint, thread: THREAD }),
      screens,
      servers: [backend],
      treeMicros: () => service.call<number>("treeMicros"),
      close: async () => {
        await service.call("close")
        for (const process of [screens, people, backend, service]) await process.stop()
      }
    }
  }
const floor = async (connections: number): Promise<Arena> => {
  const [gateway, backend, people, screens] = [
    "peers/floorGateway.ts",
    "study/floorBackend.ts",
    "study/people.ts",
    "study/screens.ts"
  ].map(startProcess) as [Process, Process, Process, Process]
  const port = await gateway.call<number>("listen", { delayMillis: 0 })
  const backendPort = await backend.call<number>("listen", { gateway: port })
  await screens.call("watchFloor", { connections, port })
  return {
    send: (chat) => people.call("sendToFloor", { chat, port: backendPort }),
    screens,
    servers: [backend],
    treeMicros: gateway.cpuMicros,
    close: async () => {
      for (const process of [screens, people, backend, gateway]) await process.stop()
    }
  }
}

const measure = async (
  name: string,
  start: (connections: number) => Promise<Arena>,
  chat: Chat,
  connections: number
) => {
  const arena = await start(connections)
  try {
    const micros = async () => {
      const servers = await Promise.all([arena.treeMicros(), ...arena.servers.map((process) => process.cpuMicros())])
      return { screens: await arena.screens.cpuMicros(), servers: servers.reduce((sum, value) => sum + value, 0) }
    }
    const before = await micros()
    await arena.send(chat)
    const heard = await arena.screens.call<Heard>("heard", { messages: chat.messages, quietMillis: 10_000 })
    const after = await micros()
    return {
      ...heard,
      name,
      connections,
      messages: chat.messages,
      serverMicros: (after.servers - before.servers) / chat.messages,
      screenMicros: (after.screens - before.screens) / chat.messages
    } satisfies Row
  } finally {
    await arena.close()
  }
}

export const study: Part = {
  name: "study",
  title: "Chat over every gateway",
  run: async ({ quick }) => {
    const chat = quick ? { messages: 300, perSecond: 200 } : { messages: 10_000, perSecond: 250 }
    const rows: Row[] = []
    const missing: string[] = []
    for (const connections of quick ? [10] : CONNECTIONS) {
      rows.push(await measure("floor", floor, chat, connections))
      for (const name of GATEWAYS)
        try {
          rows.push(await measure(name, over(name), chat, connections))
        } catch (cause) {
          missing.push(`${name}: ${String(cause)}`)
        }
    }
    const percent = ({ connections, delivered, messages }: Row) => (100 * delivered) / (connections * messages)
    const least = (connections: number) => rows.find((row) => row.name === "floor" && row.connections === connections)
    const ours = rows.filter(({ name }) => name !== "floor")
    const bounds: Bound[] = ours.flatMap((row) => [
      atLeast(
        `study, ${row.name}, ${row.connections} screens: connected %`,
        (100 * row.connected) / row.connections,
        100
      ),
      atLeast(`study, ${row.name}, ${row.connections} screens: delivered %`, percent(row), 100)
    ])
    for (const row of ours.filter(({ name }) => name === "azure-web-pubsub"))
      bounds.push(
        atMost(
          `study, ${row.name}, ${row.connections} screens: p50 / floor`,
          row.p50Millis / (least(row.connections)?.p50Millis ?? Number.NaN),
          1.5
        )
      )
    return {
      markdown: [
        `${chat.messages} messages, ${chat.perSecond} a second, from ten people who each wait for the answer to their \`POST messages\`:`,
        table(
          [
            "",
            "screens",
            "connected",
            "delivered %",
            "shown twice",
            "first ms",
            "p50 ms",
            "p99 ms",
            "server CPU µs/message",
            "screens' CPU µs/message"
          ],
          rows.map((row) => [
            row.name,
            row.connections,
            row.connected,
            percent(row),
            row.doubled,
            row.firstMillis,
            row.p50Millis,
            row.p99Millis,
            row.serverMicros,
            row.screenMicros
          ])
        ),
        ...missing.map((sentence) => `Not measured: ${sentence}`)
      ].join("\n\n"),
      bounds
    }
  }
}
