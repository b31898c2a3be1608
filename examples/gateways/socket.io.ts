/** One Socket.IO node, in this process. Several would share a Redis. */
import { randomBytes } from "node:crypto"
import { startSocketIoGateway } from "throughline/adapters/gateways/socket.io/gateway"
import type { StartGateway } from "./LocalGateway.ts"

export const start: StartGateway = async ({ upstream }) => {
  const key = randomBytes(32).toString("base64url")
  const { close, cut, url } = await startSocketIoGateway({ key, upstream })
  return { settings: { name: "socket.io", url, key }, connectsTo: [url, url.replace(/^http/, "ws")], cut, close }
}
