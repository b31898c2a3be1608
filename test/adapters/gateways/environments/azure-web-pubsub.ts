/** Azure Web PubSub: the emulator, the vendor's SDKs on both ends, webhooks to a real server. */
import { azureWebPubSubClient } from "../../../../adapters/gateways/azure-web-pubsub/client.ts"
import { azureWebPubSub, type AzureKeyOptions } from "../../../../adapters/gateways/azure-web-pubsub/server.ts"
import { startEmulator, type Emulator } from "../../../../src/emulator/emulator.ts"
import { build, startBackend, type RunningEnv } from "./environment.ts"

export const HUB = "throughline"
export const UPSTREAM_KEY = "upstream-key-of-the-tests"

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
