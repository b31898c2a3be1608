/** The SSE gateway, in this process. */
import { sseClient, type SseClientOptions } from "../../../../adapters/gateways/sse/client.ts"
import { startSseGateway, type SseGateway, type SseGatewayOptions } from "../../../../adapters/gateways/sse/gateway.ts"
import { sseGateway } from "../../../../adapters/gateways/sse/server.ts"
import { build, type RunningEnv } from "./environment.ts"

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
