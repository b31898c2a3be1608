/** Every gateway there is, each with the real thing around it. */
import { capabilities as azure } from "../../../../adapters/gateways/azure-web-pubsub/capabilities.ts"
import { capabilities as sse } from "../../../../adapters/gateways/sse/capabilities.ts"
import { capabilities as ws } from "../../../../adapters/gateways/ws/capabilities.ts"
import type { GatewayCapabilities } from "../../../../src/ports/GatewayCapabilities.ts"
import { startAzure } from "./azure-web-pubsub.ts"
import type { RunningEnv } from "./environment.ts"
import { startSse } from "./sse.ts"
import { startWs } from "./ws.ts"

export interface KnownGateway {
  readonly name: string
  readonly start: () => Promise<RunningEnv<unknown>>
  readonly capabilities: GatewayCapabilities
  /** A sentence where the real thing is not on this machine. */
  readonly missing?: string | undefined
}
export const gateways: readonly KnownGateway[] = [
  { name: "azure-web-pubsub", start: () => startAzure(), capabilities: azure },
  { name: "ws", start: () => startWs(), capabilities: ws },
  { name: "sse", start: () => startSse(), capabilities: sse },
  { name: "sse, polled", start: () => startSse({}, { poll: true }), capabilities: sse }
]
