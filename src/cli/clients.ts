/** The client half of each gateway that the command can start; a vendor's client is loaded only for its own gateway. */
import type { GatewayClient } from "throughline/client"
import type { StackOptions } from "./stack.ts"

export const gatewayClient = async (name: StackOptions["gateway"]): Promise<GatewayClient> => {
  switch (name) {
    case "azure-web-pubsub":
      return (await import("throughline/adapters/gateways/azure-web-pubsub/client")).azureWebPubSubClient()
    case "ws":
      return (await import("throughline/adapters/gateways/ws/client")).wsClient()
    case "sse":
      return (await import("throughline/adapters/gateways/sse/client")).sseClient()
    case "pusher":
      return (await import("throughline/adapters/gateways/pusher/client")).pusherClient()
    case "socket.io":
      return (await import("throughline/adapters/gateways/socket.io/client")).socketIoClient()
    case "cloudflare-durable-objects":
      return (await import("throughline/adapters/gateways/cloudflare-durable-objects/client")).durableObjectsClient()
  }
}
