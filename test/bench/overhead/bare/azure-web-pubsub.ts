/** `@azure/web-pubsub` and `@azure/web-pubsub-client`, as their documents have them. */
import { WebPubSubServiceClient } from "@azure/web-pubsub"
import { WebPubSubClient } from "@azure/web-pubsub-client"
import type { Bare } from "./Bare.ts"

export const bare: Bare<"azure-web-pubsub"> = {
  publisher: async ({ connectionString, hub }) => {
    const client = new WebPubSubServiceClient(connectionString, hub, { allowInsecureConnection: true })
    return (group, text) => client.group(group).sendToAll(text, { contentType: "text/plain" })
  },
  listen: async ({ url }, _group, onText) => {
    const client = new WebPubSubClient(url)
    client.on("group-message", ({ message }) => onText(String(message.data)))
    await client.start()
  }
}
