/**
 * What bad inputs are sent to: the real backend behind both gateways, with real sockets, webhooks and HTTP.
 *
 * `state` is everything the logs hold; `probe` says that a request and a socket still get a right answer.
 */
import { strict as assert } from "node:assert"
import { createConnection } from "node:net"
import { WebSocket } from "ws"
import { azureWebPubSub } from "throughline/adapters/gateways/azure-web-pubsub"
import { azureWebPubSubClient } from "throughline/adapters/gateways/azure-web-pubsub/client"
import { wsGateway } from "throughline/adapters/gateways/ws"
import { wsClient } from "throughline/adapters/gateways/ws/client"
import { startWsGateway, type WsGateway } from "throughline/adapters/gateways/ws/gateway"
import { startEmulator, type Emulator } from "throughline/emulator"
import { bringToClient, decode, foldAfterRun } from "./frames.ts"
import { agentRun, foreignTicket, hooked, settings } from "./hooks.ts"
import { makeSide, type Side } from "./side.ts"
import { makeWebhooks, type Webhooks } from "./webhooks.ts"

export const SECRETS = {
  ws: "canary: a key that gateway and backend share",
  access: "canary-access-key-0123456789abcdef0123456789",
  upstream: "canary-upstream-key-0123456789"
}
export const HUB = "inputs"
export interface World extends Webhooks {
  readonly ws: Side
  readonly azure: Side
  readonly sides: readonly Side[]
  readonly gateway: WsGateway
  readonly emulator: Emulator
  readonly overTcp: typeof overTcp
  readonly closedWith: typeof closedWith
  /** The backend's check of a frame, and the schema's. */
  readonly decode: typeof decode
  readonly client: typeof bringToClient
  readonly folded: typeof foldAfterRun
  readonly agentRun: typeof agentRun
  readonly settings: typeof settings
  readonly hooked: typeof hooked
  readonly foreignTicket: typeof foreignTicket
  /** Everything that was logged so far. */
  readonly logged: () => string
  readonly state: () => string
  readonly probe: () => Promise<void>
  readonly close: () => Promise<void>
}

export const openWorld = async (logged: () => string): Promise<World> => {
  const gateway = await startWsGateway({ key: SECRETS.ws })
  const emulator = await startEmulator({ accessKey: SECRETS.access })
  const options = { connectionString: emulator.connectionString, hub: HUB, upstreamKey: SECRETS.upstream }
  const ws = await makeSide("ws", wsClient(), wsGateway({ url: gateway.url, key: SECRETS.ws }))
  const azure = await makeSide("azure-web-pubsub", azureWebPubSubClient(), azureWebPubSub(options))
  gateway.setUpstream(`${ws.side.url}/api/upstream/ws`)
  await emulator.setEventHandlers(HUB, [
    {
      urlTemplate: `${azure.side.url}/api/upstream/azure-web-pubsub?code=${SECRETS.upstream}`,
      userEventPattern: "*",
      systemEvents: ["connect"]
    }
  ])
  const sides = [ws.side, azure.side]
  let probes = 0
  return {
    ...makeWebhooks(azure.side, options, SECRETS.access),
    ws: ws.side,
    azure: azure.side,
    sides,
    gateway,
    emulator,
    decode,
    client: bringToClient,
    folded: foldAfterRun,
    agentRun,
    settings,
    hooked,
    foreignTicket,
    overTcp,
    closedWith,
    logged,
    state: () =>
      JSON.stringify(
        sides.map(({ store }) =>
          [...store.threads]
            .filter(([key, { offset }]) => key !== "acme/ann-probe" && offset > 0)
            .map(([key, { control, id, notes, offset }]) => [key, offset, id, control, [...notes.keys()]])
            .sort()
        )
      ),
    probe: async () => {
      for (const { invoke, send } of sides) {
        const id = `probe-${++probes}`
        const posted = await send({
          path: "/threads/ann-probe/messages",
          body: { id, parts: [{ type: "text", text: "x" }] }
        })
        assert.deepEqual([posted.status, posted.body?.message], [200, id])
        const reply = await invoke("ann", "interrupt", {
          thread: "ann-probe",
          interrupt: { kind: "cancel", id, run: "none" }
        })
        assert.equal((reply as { error?: { code: string } }).error?.code, "NOT_FOUND")
      }
      assert.equal(({} as { admin?: unknown }).admin, undefined)
    },
    close: async () => {
      await ws.close()
      await azure.close()
      await gateway.close()
      await emulator.close()
    }
  }
}

/** Writes bytes to the backend's port and answers what came back until it closes, or until `until` is there. */
export const overTcp = (url: string, bytes: string | Buffer, until?: RegExp): Promise<string> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const socket = createConnection(Number(port), hostname)
    let seen = ""
    socket.on("connect", () => socket.write(bytes))
    socket.on("data", (chunk) => {
      seen += chunk.toString("latin1")
      if (until?.test(seen) === true) socket.destroy()
    })
    socket.on("error", reject)
    socket.on("close", () => resolve(seen))
  })

/** Opens a bare socket, sends each message, and answers the close code with its reason. */
export const closedWith = (
  url: string,
  protocols: readonly string[],
  messages: readonly (string | Buffer)[]
): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(url, [...protocols])
    socket.on("open", () => {
      for (const message of messages) socket.send(message)
    })
    socket.on("unexpected-response", (_request, response) => {
      resolve(`HTTP ${response.statusCode}`)
      socket.terminate()
    })
    socket.on("close", (code, reason) => resolve(`${code} ${reason.toString()}`))
    socket.on("error", (error) =>
      /server response|before the connection/i.test(error.message) ? undefined : reject(error)
    )
  })
