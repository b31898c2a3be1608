/** The plain gateway, in this process. */
import { wsClient } from "../../../../adapters/gateways/ws/client.ts"
import { startWsGateway, type WsGateway, type WsGatewayOptions } from "../../../../adapters/gateways/ws/gateway.ts"
import { wsGateway } from "../../../../adapters/gateways/ws/server.ts"
import { build, startBackend, type RunningEnv } from "./environment.ts"

export const WS_KEY = "a key of the tests, thirty-two characters long"

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
