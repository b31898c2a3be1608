/** What every gateway needs around it in a test: a built layer, a backend's route for its webhooks, a way to end. */
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type { GatewayEnv, RecordedCall } from "../../../../src/conformance/gatewayCase.ts"
import { Gateway, type GatewayService } from "../../../../src/ports/Gateway.ts"
import { UpstreamRejected } from "../../../../src/ports/GatewayError.ts"

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
