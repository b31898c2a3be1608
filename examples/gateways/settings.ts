/**
 * The gateways that run on one machine, by name, and how a backend uses each: the one line that differs between them.
 *
 * Settings travel between processes, so they are JSON. A backend loads the adapter that it uses and no other.
 */
import type { AzureKeyOptions } from "throughline/adapters/gateways/azure-web-pubsub"
import type { DurableObjectsGatewayOptions } from "throughline/adapters/gateways/cloudflare-durable-objects"
import type { PusherGatewayOptions } from "throughline/adapters/gateways/pusher"
import type { SocketIoGatewayServerOptions } from "throughline/adapters/gateways/socket.io"
import type { SseGatewayServerOptions } from "throughline/adapters/gateways/sse"
import type { WsGatewayServerOptions } from "throughline/adapters/gateways/ws"

/** Secret. */
export type GatewaySettings =
  | ({ readonly name: "azure-web-pubsub" } & AzureKeyOptions)
  | ({ readonly name: "ws" } & WsGatewayServerOptions)
  | ({ readonly name: "sse" } & SseGatewayServerOptions)
  | ({ readonly name: "pusher" } & PusherGatewayOptions)
  | ({ readonly name: "socket.io" } & SocketIoGatewayServerOptions)
  | ({ readonly name: "cloudflare-durable-objects" } & DurableObjectsGatewayOptions)
export type GatewayName = GatewaySettings["name"]

export const gatewayOf = async (settings: GatewaySettings) => {
  switch (settings.name) {
    case "azure-web-pubsub":
      return (await import("throughline/adapters/gateways/azure-web-pubsub")).azureWebPubSub(settings)
    case "ws":
      return (await import("throughline/adapters/gateways/ws")).wsGateway(settings)
    case "sse":
      return (await import("throughline/adapters/gateways/sse")).sseGateway(settings)
    case "pusher":
      return (await import("throughline/adapters/gateways/pusher")).pusherGateway(settings)
    case "socket.io":
      return (await import("throughline/adapters/gateways/socket.io")).socketIoGateway(settings)
    case "cloudflare-durable-objects":
      return (await import("throughline/adapters/gateways/cloudflare-durable-objects")).durableObjectsGateway(settings)
  }
}
