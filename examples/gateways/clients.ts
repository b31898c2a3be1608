/** The client half of every gateway, for a page: it follows whichever its backend names in the grant. */
import { azureWebPubSubClient } from "throughline/adapters/gateways/azure-web-pubsub/client"
import { durableObjectsClient } from "throughline/adapters/gateways/cloudflare-durable-objects/client"
import { pusherClient } from "throughline/adapters/gateways/pusher/client"
import { socketIoClient } from "throughline/adapters/gateways/socket.io/client"
import { sseClient } from "throughline/adapters/gateways/sse/client"
import { wsClient } from "throughline/adapters/gateways/ws/client"

export const gatewayClients = () => [
  azureWebPubSubClient(),
  wsClient(),
  sseClient(),
  pusherClient(),
  socketIoClient(),
  durableObjectsClient()
]
