/** Socket.IO: two nodes that share a real Redis. The backend publishes at one, clients connect to the other. */
import { socketIoClient, type SocketIoClientOptions } from "../../../../adapters/gateways/socket.io/client.ts"
import {
  startSocketIoGateway,
  type SocketIoGateway,
  type SocketIoGatewayOptions
} from "../../../../adapters/gateways/socket.io/gateway.ts"
import { socketIoGateway } from "../../../../adapters/gateways/socket.io/server.ts"
import { hasRedis, startRedis, type RedisServer } from "../../redis.ts"
import { build, startBackend, type RunningEnv } from "./environment.ts"

export const SOCKET_IO_KEY = "a key of Socket.IO's tests, thirty-two characters"

/** Why this cannot run here. */
export const socketIoMissing = hasRedis() ? undefined : "redis-server is not installed"

export interface TwoNodes {
  readonly redis: RedisServer
  /** Where the backend publishes, and workers listen. */
  readonly backendNode: SocketIoGateway
  /** Where clients connect. */
  readonly clientNode: SocketIoGateway
}
export const startSocketIo = async (
  options: Partial<SocketIoGatewayOptions> = {},
  clientOptions: SocketIoClientOptions = {}
): Promise<RunningEnv<TwoNodes>> => {
  const redis = await startRedis()
  const backend = await startBackend()
  const upstream = `${backend.url}/upstream/socket.io`
  const startNode = () => startSocketIoGateway({ key: SOCKET_IO_KEY, redis: redis.url, upstream, ...options })
  const [backendNode, clientNode] = await Promise.all([startNode(), startNode()])
  const urls = { url: backendNode.url, clientUrl: clientNode.url }
  const own = await build(socketIoGateway({ ...urls, key: SOCKET_IO_KEY }))
  const foreign = await build(socketIoGateway({ ...urls, key: "another".repeat(6) }))
  backend.serve(own.gateway)
  return {
    service: { redis, backendNode, clientNode },
    gateway: own.gateway,
    foreign: foreign.gateway,
    client: socketIoClient(clientOptions),
    onUpstream: backend.onUpstream,
    calls: backend.calls,
    cut: () => {
      backendNode.cut()
      clientNode.cut()
    },
    close: async () => {
      await Promise.all([own.close(), foreign.close()])
      await Promise.all([backendNode.close(), clientNode.close()])
      await backend.close()
      await redis.close()
    }
  }
}
