/** The client half of every gateway, for a page: it follows whichever its backend names in the grant. */
import { azureWebPubSubClient } from "throughline/adapters/gateways/azure-web-pubsub/client"
import { sseClient } from "throughline/adapters/gateways/sse/client"
import { wsClient } from "throughline/adapters/gateways/ws/client"

export const gatewayClients = () => [azureWebPubSubClient(), wsClient(), sseClient()]
