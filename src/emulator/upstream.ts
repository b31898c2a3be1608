/**
 * Events to the upstream: CloudEvents over HTTP in binary mode, signed, with the connection's state going round.
 */
import { randomUUID } from "node:crypto"
import type { Connection } from "./connection.ts"
import type { Hub } from "./hub.ts"
import type { Keys } from "./tokens.ts"
import type { Answer, CallUpstream } from "./upstreamCall.ts"

/** Header values are printable ASCII: the rest is percent-encoded, as the CloudEvents HTTP binding has it. */
const headerText = (value: string): string =>
  value.replace(/[^\x20-\x7e]+/gu, (part) => encodeURIComponent(part.toWellFormed()))

/** What is known of a connection before and after it exists. */
export type Subject = Pick<Connection, "id" | "userId" | "subprotocol" | "connectionState">

export interface CloudEvent {
  readonly kind: "sys" | "user"
  readonly name: string
  readonly contentType: string
  readonly body: Buffer | string
}

/**
 * Sends one event to the hub's handler for it.
 *
 * - Answers: `none` when no handler is registered; `blocked` when it has not passed the handshake; its answer otherwise
 * - Fails: when the handler could not be reached or did not answer in 30 s
 */
export const sendCloudEvent = async (
  hub: Hub,
  subject: Subject,
  event: CloudEvent,
  keys: Keys,
  call: CallUpstream,
  signal?: AbortSignal
): Promise<Answer | "none" | "blocked"> => {
  const url = await hub.handlers.find(event.kind, event.name)
  if (url === undefined) return "none"
  if (url === "blocked") return "blocked"
  return call(
    "POST",
    url,
    {
      "Content-Type": event.contentType,
      "Content-Length": Buffer.byteLength(event.body),
      "ce-specversion": "1.0",
      "ce-type": `azure.webpubsub.${event.kind}.${headerText(event.name)}`,
      "ce-source": `/hubs/${hub.name}/client/${subject.id}`,
      "ce-id": randomUUID(),
      "ce-time": new Date().toISOString(),
      "ce-signature": keys.signConnection(subject.id),
      "ce-connectionId": subject.id,
      "ce-hub": hub.name,
      "ce-eventName": headerText(event.name),
      ...(subject.userId === undefined ? {} : { "ce-userId": headerText(subject.userId) }),
      ...(subject.subprotocol === undefined ? {} : { "ce-subprotocol": subject.subprotocol }),
      ...(subject.connectionState === undefined ? {} : { "ce-connectionState": subject.connectionState })
    },
    event.body,
    signal
  )
}
