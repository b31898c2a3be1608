/** The SSE gateway, in this process. Nothing comes back over it. */
import { randomBytes } from "node:crypto"
import { startSseGateway } from "throughline/adapters/gateways/sse/gateway"
import type { StartGateway } from "./LocalGateway.ts"

export const start: StartGateway = async () => {
  const key = randomBytes(32).toString("base64url")
  const { close, cut, url } = await startSseGateway({ key })
  return { settings: { name: "sse", url, key }, connectsTo: [url], cut, close }
}
