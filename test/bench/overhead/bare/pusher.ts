/** `pusher` and `pusher-js`, as their documents have them. The adapter's route signs, since soketi has none. */
import Pusher from "pusher"
import imported from "pusher-js"
import { channelOf, parseConnectUrl } from "../../../../adapters/gateways/pusher/wire.ts"
import type { Bare } from "./Bare.ts"

/** The package's types speak of a default export that its CommonJS does not have. */
const PusherClient = imported as unknown as typeof imported.default

export const bare: Bare<"pusher"> = {
  publisher: async ({ appId, key, restUrl = "", secret }) => {
    const { hostname, port } = new URL(restUrl)
    const client = new Pusher({ appId, key, secret, host: hostname, port, useTLS: false })
    return (group, text) => client.trigger(channelOf(group), "frame", text)
  },
  listen: (grant, group, onText) =>
    new Promise((resolve, reject) => {
      const { authUrl, base, key } = parseConnectUrl(grant.url)
      const { hostname, port } = new URL(base)
      const name = channelOf(group)
      const client = new PusherClient(key, {
        cluster: "none",
        wsHost: hostname,
        wsPort: Number(port),
        forceTLS: false,
        enabledTransports: ["ws"],
        channelAuthorization: {
          customHandler: ({ socketId }, answer) => {
            const body = new URLSearchParams({ socket: socketId, ticket: grant.token ?? "" })
            void fetch(authUrl, { method: "POST", body })
              .then((response) => response.json())
              .then(({ auth }) => answer(null, { auth: auth[name] }), reject)
          }
        }
      })
      const channel = client.subscribe(name)
      channel.bind("pusher:subscription_succeeded", () => resolve())
      channel.bind("frame", onText)
    })
}
