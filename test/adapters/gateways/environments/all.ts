/** Every gateway there is, each with the real thing around it. */
import { capabilities as azure } from "../../../../adapters/gateways/azure-web-pubsub/capabilities.ts"
import { capabilities as pusher } from "../../../../adapters/gateways/pusher/capabilities.ts"
import { capabilities as sse } from "../../../../adapters/gateways/sse/capabilities.ts"
import { capabilities as socketIo } from "../../../../adapters/gateways/socket.io/capabilities.ts"
import { capabilities as awsApiGateway } from "../../../../adapters/gateways/aws-api-gateway/capabilities.ts"
import { capabilities as durableObjects } from "../../../../adapters/gateways/cloudflare-durable-objects/capabilities.ts"
import { capabilities as mqtt } from "../../../../adapters/gateways/mqtt/capabilities.ts"
import { capabilities as pushpin } from "../../../../adapters/gateways/pushpin/capabilities.ts"
import { capabilities as nats } from "../../../../adapters/gateways/nats/capabilities.ts"
import { capabilities as ws } from "../../../../adapters/gateways/ws/capabilities.ts"
import type { GatewayCapabilities } from "../../../../src/ports/GatewayCapabilities.ts"
import { soketiIsMissing } from "../../../../examples/gateways/pusher.ts"
import { startAzure } from "./azure-web-pubsub.ts"
import type { RunningEnv } from "./environment.ts"
import { startPusher } from "./pusher.ts"
import { startSse } from "./sse.ts"
import { socketIoMissing, startSocketIo } from "./socket.io.ts"
import { awsApiGatewayMissing, startAwsApiGateway } from "./aws-api-gateway.ts"
import { startCloudflare } from "./cloudflare-durable-objects.ts"
import { mosquittoMissing, startMqtt } from "./mqtt.ts"
import { pushpinMissing, startPushpin, startPushpinSse } from "./pushpin.ts"
import { whyNatsIsMissing, startNatsGateway } from "./nats.ts"
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
  { name: "sse, polled", start: () => startSse({}, { poll: true }), capabilities: sse },
  { name: "pusher", start: () => startPusher(), capabilities: pusher, missing: soketiIsMissing },
  { name: "socket.io", start: () => startSocketIo(), capabilities: socketIo, missing: socketIoMissing },
  {
    name: "socket.io, polled",
    start: () => startSocketIo({ polling: true }, { polling: true }),
    capabilities: socketIo,
    missing: socketIoMissing
  },
  {
    name: "aws-api-gateway",
    start: () => startAwsApiGateway(),
    capabilities: awsApiGateway,
    missing: awsApiGatewayMissing()
  },
  { name: "cloudflare-durable-objects", start: () => startCloudflare(), capabilities: durableObjects },
  { name: "mqtt", start: () => startMqtt(), capabilities: mqtt, missing: mosquittoMissing },
  { name: "pushpin", start: () => startPushpin(), capabilities: pushpin, missing: pushpinMissing },
  { name: "nats", start: () => startNatsGateway(), capabilities: nats, missing: whyNatsIsMissing },
  {
    name: "pushpin, streamed",
    start: () => startPushpinSse(),
    capabilities: { ...pushpin, upstream: false },
    missing: pushpinMissing
  }
]
