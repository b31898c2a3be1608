/** The gateways with everything around them, for conformance and for their own tests: real SDKs, sockets, webhooks. */
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { azureWebPubSubClient } from "../../../adapters/gateways/azure-web-pubsub/client.ts"
import { azureWebPubSub, type AzureKeyOptions } from "../../../adapters/gateways/azure-web-pubsub/server.ts"
import { sseClient, type SseClientOptions } from "../../../adapters/gateways/sse/client.ts"
import { startSseGateway, type SseGateway, type SseGatewayOptions } from "../../../adapters/gateways/sse/gateway.ts"
import { sseGateway } from "../../../adapters/gateways/sse/server.ts"
import { wsClient } from "../../../adapters/gateways/ws/client.ts"
import { startWsGateway, type WsGateway, type WsGatewayOptions } from "../../../adapters/gateways/ws/gateway.ts"
import { wsGateway } from "../../../adapters/gateways/ws/server.ts"
import type { GatewayEnv, RecordedCall } from "../../../src/conformance/gatewayCase.ts"
import { startEmulator, type Emulator } from "../../../src/emulator/emulator.ts"
import { Gateway, type GatewayService } from "../../../src/ports/Gateway.ts"
import { UpstreamRejected } from "../../../src/ports/GatewayError.ts"

export const HUB = "throughline"
export const UPSTREAM_KEY = "upstream-key-of-the-tests"
export const WS_KEY = "a key of the tests, thirty-two characters long"

/** Builds a gateway's layer; its scope closes with `close`. */
export const build = async (
  layer: Layer.Layer<Gateway>
): Promise<{ gateway: GatewayService; close: () => Promise<void> }> => {
  const scope = await Effect.runPromise(Scope.make())
  const context = await Effect.runPromise(Layer.buildWithScope(layer, scope))
  return { gateway: Context.get(context, Gateway), close: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
}

/** An HTTP server that gives each call to `gateway.upstream`, as the backend's route does. */
export const startBackend = async () => {
  const calls: RecordedCall[] = []
  let gateway: GatewayService | undefined
  let handle: Parameters<GatewayEnv["onUpstream"]>[0] = () => Effect.succeed(undefined)
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", async () => {
      const call: RecordedCall = {
        method: request.method ?? "",
        url: `http://${request.headers.host}${request.url}`,
        headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)])),
        body: Buffer.concat(chunks).toString()
      }
      calls.push(call)
      const exit = await Effect.runPromiseExit(
        gateway?.upstream?.(toRequest(call), (event) => handle(event)) ?? Effect.die("no upstream")
      )
      if (Exit.isSuccess(exit)) {
        response.writeHead(exit.value.status, Object.fromEntries(exit.value.headers)).end(await exit.value.text())
      } else {
        const rejected = Cause.squash(exit.cause)
        response.writeHead(rejected instanceof UpstreamRejected ? rejected.status : 500).end()
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    serve: (served: GatewayService) => void (gateway = served),
    onUpstream: (next: typeof handle) => void (handle = next),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
  }
}
export const toRequest = ({ method, url, headers, body }: RecordedCall): Request =>
  new Request(url, { method, headers, ...(method === "POST" ? { body } : {}) })

export interface RunningEnv<Service> extends GatewayEnv {
  readonly service: Service
  readonly close: () => Promise<void>
}

export const startAzure = async (options: Partial<AzureKeyOptions> = {}): Promise<RunningEnv<Emulator>> => {
  const service = await startEmulator()
  const backend = await startBackend()
  const common = { hub: HUB, upstreamKey: UPSTREAM_KEY, ...options }
  const own = await build(azureWebPubSub({ ...common, connectionString: service.connectionString }))
  const foreign = await build(
    azureWebPubSub({ ...common, connectionString: `Endpoint=${service.url};AccessKey=${"another".repeat(6)};` })
  )
  backend.serve(own.gateway)
  await service.setEventHandlers(HUB, [
    {
      urlTemplate: `${backend.url}/upstream/azure-web-pubsub?code=${UPSTREAM_KEY}`,
      userEventPattern: "*",
      systemEvents: ["connect", "connected", "disconnected"]
    }
  ])
  return {
    service,
    gateway: own.gateway,
    foreign: foreign.gateway,
    client: azureWebPubSubClient(),
    onUpstream: backend.onUpstream,
    calls: backend.calls,
    cut: () => void service.cut(),
    close: async () => {
      await Promise.all([own.close(), foreign.close()])
      await service.close()
      await backend.close()
    }
  }
}

export const startWs = async (options: Partial<WsGatewayOptions> = {}): Promise<RunningEnv<WsGateway>> => {
  const backend = await startBackend()
  const service = await startWsGateway({ key: WS_KEY, upstream: `${backend.url}/upstream/ws`, ...options })
  const own = await build(wsGateway({ url: service.url, key: WS_KEY }))
  const foreign = await build(wsGateway({ url: service.url, key: "another".repeat(6) }))
  backend.serve(own.gateway)
  return {
    service,
    gateway: own.gateway,
    foreign: foreign.gateway,
    client: wsClient(),
    onUpstream: backend.onUpstream,
    calls: backend.calls,
    cut: service.cut,
    close: async () => {
      await Promise.all([own.close(), foreign.close()])
      await service.close()
      await backend.close()
    }
  }
}

export const SSE_KEY = "another key of the tests, thirty-two characters"

export const startSse = async (
  options: Partial<SseGatewayOptions> = {},
  clientOptions: SseClientOptions = {}
): Promise<RunningEnv<SseGateway>> => {
  const service = await startSseGateway({ key: SSE_KEY, ...options })
  const own = await build(sseGateway({ url: service.url, key: SSE_KEY }))
  const foreign = await build(sseGateway({ url: service.url, key: "another".repeat(6) }))
  return {
    service,
    gateway: own.gateway,
    foreign: foreign.gateway,
    client: sseClient(clientOptions),
    onUpstream: () => {},
    calls: [],
    cut: service.cut,
    close: async () => {
      await Promise.all([own.close(), foreign.close()])
      await service.close()
    }
  }
}
