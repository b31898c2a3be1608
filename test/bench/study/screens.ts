/** Screens of the study: each a thread and a connection of its own, over whichever gateway; or plain sockets, for the floor. */
import { once } from "node:events"
import { openThread, type View } from "throughline/client"
import { WebSocket } from "ws"
import { gatewayClients } from "../../../examples/gateways/clients.ts"
import { answer } from "../child.ts"
import { listeners } from "./chat.ts"

let all: ReturnType<typeof listeners> | undefined

/** Hands on each message of a view once. */
const follow = (hear: (text: string) => void) => {
  let seen = 0
  return ({ messages }: View) => {
    for (; seen < messages.length; seen++) {
      const part = messages[seen]!.parts[0]
      if (part?.type === "text") hear(part.text)
    }
  }
}
interface Screens {
  readonly connections: number
  readonly endpoint: string
  readonly thread: string
}
answer({
  watch: async ({ connections, endpoint, thread }: Screens) => {
    const hearing = (all = listeners(connections))
    const gateways = gatewayClients()
    const open = async (number: number) => {
      // a token function of its own keeps each screen's socket its own
      const screen = openThread({ endpoint, thread, gateways, token: () => `screen-${number}` })
      screen.subscribe(follow((text) => hearing.hear(number, text)))
      await new Promise<void>((resolve) => screen.subscribe((_, connection) => connection === "live" && resolve()))
      hearing.connect()
    }
    const waiting = Array.from({ length: connections }, (_, number) => number)
    const openNext = async (): Promise<void> => {
      for (let number = waiting.shift(); number !== undefined; number = waiting.shift()) await open(number)
    }
    await Promise.all(Array.from({ length: 8 }, openNext))
  },
  watchFloor: async ({ connections, port }: { readonly connections: number; readonly port: number }) => {
    const hearing = (all = listeners(connections))
    for (let number = 0; number < connections; number++) {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/?group=chat`, { perMessageDeflate: false })
      socket.on("message", (data: Buffer) =>
        hearing.hear(number, (JSON.parse(data.toString()) as { readonly text: string }).text)
      )
      await once(socket, "open")
      hearing.connect()
    }
  },
  heard: (expected: { readonly messages: number; readonly quietMillis: number }) => all?.heard(expected)
})
