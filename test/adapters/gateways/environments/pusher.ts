/**
 * Pusher Channels: soketi, the vendor's SDKs on both ends, its webhooks to a real server. Clients connect through a proxy
 * that can be cut.
 */
import { pusherClient } from "../../../../adapters/gateways/pusher/client.ts"
import { pusherGateway, type PusherGatewayOptions } from "../../../../adapters/gateways/pusher/server.ts"
import { APP, startSoketi } from "../../../../examples/gateways/pusher.ts"
import { build, startBackend, type RunningEnv } from "./environment.ts"

export interface Soketi {
  readonly restUrl: string
  /** Through the proxy. */
  readonly clientUrl: string
  readonly authUrl: string
}

export const startPusher = async (options: Partial<PusherGatewayOptions> = {}): Promise<RunningEnv<Soketi>> => {
  const backend = await startBackend()
  const authUrl = `${backend.url}/upstream/pusher`
  const soketi = await startSoketi(authUrl)
  const service: Soketi = { restUrl: soketi.restUrl, clientUrl: soketi.clientUrl, authUrl }
  const own = await build(pusherGateway({ ...APP, ...service, ...options }))
  const foreign = await build(pusherGateway({ ...APP, ...service, ...options, secret: "another".repeat(3) }))
  backend.serve(own.gateway)
  return {
    service,
    gateway: own.gateway,
    foreign: foreign.gateway,
    client: pusherClient(),
    onUpstream: backend.onUpstream,
    calls: backend.calls,
    cut: soketi.cut,
    close: async () => {
      await Promise.all([own.close(), foreign.close()])
      await soketi.close()
      await backend.close()
    }
  }
}
