/** The plain gateway, in this process. */
import { randomBytes } from "node:crypto"
import { startWsGateway } from "throughline/adapters/gateways/ws/gateway"
import type { StartGateway } from "./LocalGateway.ts"

export const start: StartGateway = async ({ upstream }) => {
  const key = randomBytes(32).toString("base64url")
  const { close, cut, url } = await startWsGateway({ key, upstream })
  return { settings: { name: "ws", url, key }, connectsTo: [url.replace(/^http/, "ws")], cut, close }
}
