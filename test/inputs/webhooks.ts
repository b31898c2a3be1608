/** Genuine webhooks of Azure Web PubSub for a connection `c1` of ann, and seals of others. */
import { createHmac } from "node:crypto"
import { azureWebPubSub } from "../../adapters/gateways/azure-web-pubsub/server.ts"
import * as Effect from "effect/Effect"
import type { AzureKeyOptions } from "../../adapters/gateways/azure-web-pubsub/settings.ts"
import { build } from "../adapters/gateways/environments/environment.ts"
import { answerOf, type Answer, type Side } from "./side.ts"

interface Changed {
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly body?: string
  readonly query?: string
  readonly path?: string
  readonly method?: string
}
export interface Webhooks {
  /** A genuine event with this of it changed, at the real route. */
  readonly webhook: (changed: Changed) => Promise<Answer>
  readonly signed: (connection: string, key?: string) => string
  /** What a grant's URL carries for ann. */
  readonly sealInUrl: () => Promise<string>
  /** Seals of another hub and of another key. */
  readonly foreignSeals: () => Promise<readonly string[]>
}

export const makeWebhooks = (side: Side, options: AzureKeyOptions, accessKey: string): Webhooks => {
  const signed: Webhooks["signed"] = (connection, key = accessKey) =>
    `sha256=${createHmac("sha256", key).update(connection).digest("hex")}`
  const sealInUrl = async () => new URL((await side.grant("ann", "ann")).url).searchParams.get("tl")!
  const call = async ({ body, headers = {}, method = "POST", path = "/upstream/azure-web-pubsub", query }: Changed) => {
    const genuine = {
      "content-type": "application/json",
      "ce-connectionid": "c1",
      "ce-signature": signed("c1"),
      "ce-time": new Date().toISOString(),
      "ce-hub": options.hub,
      "ce-type": "azure.webpubsub.user.interrupt",
      "ce-eventname": "interrupt",
      "ce-userid": "acme:ann",
      ...headers
    }
    const present = Object.entries(genuine).filter((pair): pair is [string, string] => pair[1] !== undefined)
    return answerOf(
      await side.backend.fetch(
        new Request(`http://backend.test/api${path}${query ?? `?code=${options.upstreamKey}`}`, {
          method,
          headers: present,
          ...(["GET", "HEAD", "OPTIONS"].includes(method)
            ? {}
            : { body: body ?? '{"thread":"ann","interrupt":{"kind":"cancel","id":"hook","run":"none"}}' })
        })
      )
    )
  }
  let state: Promise<string> | undefined
  const connected = async (): Promise<string> => {
    const body = JSON.stringify({ claims: {}, query: { tl: [await sealInUrl()] }, headers: {}, subprotocols: [] })
    const answer = await call({
      headers: { "ce-type": "azure.webpubsub.sys.connect", "ce-eventname": "connect" },
      body
    })
    return answer.headers.get("ce-connectionstate") ?? ""
  }
  const sealOf = async (other: AzureKeyOptions): Promise<string> => {
    const { close, gateway } = await build(azureWebPubSub(other))
    const grant = gateway.grant({ principal: { id: "ann", tenant: "acme" }, groups: ["g"], ttlMillis: 60_000 })
    const { url } = await Effect.runPromise(grant)
    await close()
    return new URL(url).searchParams.get("tl")!
  }
  return {
    signed,
    sealInUrl,
    foreignSeals: async () => [
      await sealOf({ ...options, hub: "another" }),
      await sealOf({
        ...options,
        connectionString: options.connectionString.replace(/AccessKey=[^;]+/, `AccessKey=${"x".repeat(44)}`)
      })
    ],
    webhook: async (changed) =>
      call({ ...changed, headers: { "ce-connectionstate": await (state ??= connected()), ...changed.headers } })
  }
}
