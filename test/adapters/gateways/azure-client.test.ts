import { spawn } from "node:child_process"
import { once } from "node:events"
import { WebPubSubServiceClient } from "@azure/web-pubsub"
import { WebPubSubClient } from "@azure/web-pubsub-client"
import * as Effect from "effect/Effect"
import { afterEach, describe, expect, it } from "vitest"
import { WebSocketServer, type ServerOptions } from "ws"
import type { Server as HttpServer } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { azureWebPubSubClient } from "../../../adapters/gateways/azure-web-pubsub/client.ts"
import { azureWebPubSub } from "../../../adapters/gateways/azure-web-pubsub/server.ts"
import { startEmulator, type Emulator } from "../../../src/emulator/emulator.ts"
import type { GatewayService } from "../../../src/ports/Gateway.ts"
import type { GatewayClient } from "../../../src/client/GatewayClient.ts"
import { HUB } from "./environments/azure-web-pubsub.ts"
import { build } from "./environments/environment.ts"

const closers: (() => unknown)[] = []
/** A WebSocket server of the test's own, for what the emulator would never send. */
const listen = async (options: ServerOptions = {}) => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", ...options })
  await once(server, "listening")
  const sockets = new Set<Socket>()
  ;(server as unknown as { _server: HttpServer })._server.on("connection", (socket) => sockets.add(socket))
  closers.push(() => new Promise((resolve) => (server.close(resolve), sockets.forEach((socket) => socket.destroy()))))
  return { server, port: (server.address() as AddressInfo).port }
}
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})
const start = async (): Promise<{ emulator: Emulator; gateway: GatewayService }> => {
  const emulator = await startEmulator()
  closers.push(() => emulator.close())
  const { gateway, close } = await build(azureWebPubSub({ connectionString: emulator.connectionString, hub: HUB }))
  closers.push(close)
  return { emulator, gateway }
}
/** What a connection reports, in order; `until` waits for one. */
const record = (url: string, client: GatewayClient = azureWebPubSubClient()) => {
  const reports: string[] = []
  const waiting = new Set<() => void>()
  const report = (what: string) => {
    reports.push(what)
    for (const look of waiting) look()
  }
  const connection = client.connect(
    {
      gateway: client.name,
      url,
      groups: {},
      expiresAt: new Date(Date.now() + 60_000).toISOString(),
      reconnectSpreadMillis: 0,
      upstream: false
    },
    {
      onOpen: () => report("open"),
      onFrame: (text) => report(`frame ${text}`),
      onInterrupted: () => report("interrupted"),
      onAlive: () => {},
      onClosed: ({ message }) => report(`closed ${message}`)
    }
  )
  closers.push(connection.close)
  const until = (what: string | RegExp) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!reports.some((one) => (typeof what === "string" ? one === what : what.test(one)))) return
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
      look()
    })
  return { connection, reports, until }
}
const granted = async (gateway: GatewayService, groups: string[]) =>
  (await Effect.runPromise(gateway.grant({ principal: { id: "ann" }, groups, ttlMillis: 60_000 }))).url

describe("the client half of Azure Web PubSub", () => {
  it("drops what another client published into the group (B40)", async () => {
    const { emulator, gateway } = await start()
    const { reports, until } = record(await granted(gateway, ["g"]))
    await until("open")
    const service = new WebPubSubServiceClient(emulator.connectionString, HUB, { allowInsecureConnection: true })
    const { url } = await service.getClientAccessToken({ userId: "mallory", roles: ["webpubsub.sendToGroup.g"] })
    const mallory = new WebPubSubClient(url, { autoReconnect: false })
    closers.push(() => mallory.stop())
    await mallory.start()
    await mallory.sendToGroup("g", '{"forged":true}', "text", { ackId: 1 })
    await Effect.runPromise(gateway.publish("g", "{}"))
    await until("frame {}")
    expect(reports).toEqual(["open", "frame {}"])
  })

  it("ends within a second when a cut cannot be bridged, and says so once", async () => {
    const { emulator, gateway } = await start()
    const { reports, until } = record(await granted(gateway, ["g"]))
    await until("open")
    emulator.faults.refuseConnections = 1
    const cutAt = Date.now()
    emulator.cut()
    await until(/^closed/)
    expect(Date.now() - cutAt).toBeLessThan(1_000)
    expect(reports).toEqual(["open", "interrupted", expect.stringMatching(/^closed .*503/)])
  })

  it("ends at once when the service has forgotten the connection", async () => {
    const { emulator, gateway } = await start()
    const { reports, until } = record(await granted(gateway, ["g"]))
    await until("open")
    emulator.forget()
    await until(/^closed/)
    expect(reports.filter((report) => report.startsWith("closed"))).toHaveLength(1)
  })

  it("ends with the service's reason when the service closes the connection", async () => {
    const { emulator, gateway } = await start()
    const { until } = record(await granted(gateway, ["g"]))
    await until("open")
    for (const { connectionId } of emulator.connections(HUB)) emulator.closeConnection(connectionId, "ServiceReload")
    await until(/^closed.*ServiceReload/)
  })

  it("gives up a recovery that hangs", async () => {
    const { gateway, emulator } = await start()
    const url = new URL(await granted(gateway, ["g"]))
    let upgrades = 0
    const { server, port } = await listen({ verifyClient: (_info, accept) => void (upgrades++ === 0 && accept(true)) })
    server.on("connection", (socket) => {
      socket.send(
        JSON.stringify({ type: "system", event: "connected", userId: "u", connectionId: "c", reconnectionToken: "t" })
      )
      socket.on("message", () => socket.terminate())
    })
    url.port = String(port)
    const { connection, reports, until } = record(url.toString(), azureWebPubSubClient({ recoverWithinMillis: 100 }))
    await until("open")
    connection.ping?.()
    await until(/^closed/)
    expect([reports, emulator.stats.recoveries]).toEqual([["open", "interrupted", "closed not recovered"], 0])
  })

  it("survives messages that are not of the protocol", async () => {
    const { server, port } = await listen()
    const message = (fields: object) =>
      JSON.stringify({ type: "message", from: "group", group: "g", dataType: "text", ...fields })
    server.on("connection", (socket) => {
      socket.send(
        JSON.stringify({ type: "system", event: "connected", userId: "u", connectionId: "c", reconnectionToken: "t" })
      )
      for (const text of [
        "",
        "{",
        "[]",
        "null",
        "1",
        '"x"',
        "{}",
        '{"type":1}',
        '{"type":"ack","ackId":"x"}',
        '{"__proto__":{"kind":"groupData"}}',
        message({ data: 1 }),
        message({ dataType: "json", data: {} }),
        message({ dataType: "binary", data: "e30=" }),
        message({ data: '{"by":"client"}', fromUserId: "" }),
        message({ data: '{"n":1}', sequenceId: 1 }),
        message({ data: '{"n":1}', sequenceId: 1 }),
        message({ data: '{"n":2}', sequenceId: 2 })
      ])
        socket.send(text)
      socket.send(Buffer.from([1, 2, 3]))
      socket.send(message({ data: '{"last":true}', sequenceId: 3 }))
    })
    const { reports, until } = record(`ws://127.0.0.1:${port}/client/hubs/h?access_token=x`)
    await until('frame {"last":true}')
    expect(reports).toEqual(["open", 'frame {"n":1}', 'frame {"n":2}', 'frame {"last":true}'])
  })

  it("repeats no token when it cannot connect", async () => {
    const { reports, until } = record("ws://127.0.0.1:1/client/hubs/h?access_token=eyJcanary")
    await until(/^closed/)
    expect(reports.join()).not.toMatch(/canary/)
  })

  it("and a worker's subscription let the process end within three seconds of closing", async () => {
    const { emulator } = await start()
    const script = `
      import * as Effect from "effect/Effect"
      import * as Scope from "effect/Scope"
      import * as Exit from "effect/Exit"
      import { azureWebPubSub } from "./adapters/gateways/azure-web-pubsub/server.ts"
      import { azureWebPubSubClient } from "./adapters/gateways/azure-web-pubsub/client.ts"
      import { build } from "./test/adapters/gateways/environments/environment.ts"
      const { gateway, close } = await build(azureWebPubSub({ connectionString: ${JSON.stringify(emulator.connectionString)}, hub: ${JSON.stringify(HUB)} }))
      const scope = await Effect.runPromise(Scope.make())
      const inbox = await Effect.runPromise(Scope.provide(gateway.subscribe({ onFrame: () => {}, onReset: () => {} }), scope))
      await Effect.runPromise(inbox.join("g"))
      const { url } = await Effect.runPromise(gateway.grant({ principal: { id: "ann" }, groups: ["g"], ttlMillis: 60000 }))
      const closed = Promise.withResolvers()
      const connection = azureWebPubSubClient().connect({ url, groups: {}, upstream: false }, { onOpen: () => connection.close(), onFrame() {}, onInterrupted() {}, onAlive() {}, onClosed: closed.resolve })
      await closed.promise
      await Effect.runPromise(gateway.publish("g", "{}"))
      await Effect.runPromise(Scope.close(scope, Exit.void))
      await close()
      console.log("closed")`
    const child = spawn(process.execPath, ["--input-type=module-typescript", "--eval", script], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    const closedAt = new Promise<number>((resolve) =>
      child.stdout.on("data", (text) => String(text).includes("closed") && resolve(Date.now()))
    )
    const exit = new Promise<[number | null, number]>((resolve) =>
      child.on("exit", (code) => resolve([code, Date.now()]))
    )
    const [code, exitedAt] = await exit
    expect([code, exitedAt - (await closedAt) < 3_000]).toEqual([0, true])
  })
})
