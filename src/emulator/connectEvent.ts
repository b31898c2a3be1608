/**
 * The blocking `connect` event: the upstream may refuse a client, or say who it is and what it may do.
 *
 * What the upstream gives is added to what the token gives; its user id replaces the token's.
 */
import type { IncomingMessage } from "node:http"
import { SUBPROTOCOLS } from "./connection.ts"
import type { Hub } from "./hub.ts"
import { Refusal } from "./refusal.ts"
import { reportUpstream } from "./service.ts"
import type { Service } from "./service.ts"
import type { Claims } from "./tokens.ts"
import { sendCloudEvent } from "./upstream.ts"

const lists = (entries: Iterable<readonly [string, string]>): Record<string, string[]> => {
  const found: Record<string, string[]> = Object.create(null)
  for (const [name, value] of entries) (found[name] ??= []).push(value)
  return found
}

const headerEntries = (request: IncomingMessage): [string, string][] => {
  const entries: [string, string][] = []
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2)
    entries.push([request.rawHeaders[i]!, request.rawHeaders[i + 1]!])
  return entries
}

/** Who connects, and how. */
export interface Accepted {
  readonly userId: string | undefined
  readonly groups: readonly string[]
  readonly roles: readonly string[]
  readonly subprotocol: string | undefined
  readonly connectionState: string | undefined
}

const stringsIn = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : []

/** Asks the upstream whether the client may connect and as whom; without a handler the token alone decides. */
export const askUpstream = async (
  service: Service,
  hub: Hub,
  id: string,
  request: IncomingMessage,
  query: URLSearchParams,
  claims: Claims,
  offered: readonly string[]
): Promise<Accepted> => {
  const byDefault = offered.find((name) => name in SUBPROTOCOLS)
  const ofToken = { userId: claims.userId, groups: claims.groups, roles: claims.roles, connectionState: undefined }
  if (!hub.handlers.handles("sys", "connect")) return { ...ofToken, subprotocol: byDefault }
  const body = JSON.stringify({
    claims: claims.all,
    query: lists(query),
    headers: lists(headerEntries(request)),
    subprotocols: offered,
    clientCertificates: []
  })
  const subject = { id, userId: claims.userId, subprotocol: undefined, connectionState: undefined }
  const event = { kind: "sys", name: "connect", contentType: "application/json; charset=utf-8", body } as const
  const answer = await sendCloudEvent(hub, subject, event, service.keys, service.call).catch(
    (cause: unknown) => cause as Error
  )
  if (answer instanceof Error || typeof answer === "string") {
    throw new Refusal(
      500,
      "ConnectEventFailed",
      `The connect event failed: ${reportUpstream(service, hub, "connect", answer)}.`
    )
  }
  if (answer.status < 200 || answer.status > 299) {
    const reason = reportUpstream(service, hub, "connect", answer)
    throw new Refusal(
      answer.status >= 400 && answer.status < 500 ? answer.status : 500,
      "ConnectRefused",
      `The connection was refused: ${reason}.`
    )
  }
  let reply: Record<string, unknown>
  try {
    const parsed: unknown = answer.body.length === 0 ? {} : JSON.parse(answer.body.toString("utf8"))
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw new TypeError("not an object")
    reply = parsed as Record<string, unknown>
  } catch {
    throw new Refusal(500, "ConnectEventFailed", "The connect event's answer is not a JSON object.")
  }
  const chosen = reply["subprotocol"]
  if (typeof chosen === "string" && !offered.includes(chosen)) {
    throw new Refusal(500, "ConnectEventFailed", "The connect event chose a subprotocol that the client did not offer.")
  }
  const state = answer.headers["ce-connectionstate"]
  return {
    userId: typeof reply["userId"] === "string" ? reply["userId"] : claims.userId,
    groups: [...claims.groups, ...stringsIn(reply["groups"])],
    roles: [...claims.roles, ...stringsIn(reply["roles"])],
    subprotocol: typeof chosen === "string" ? chosen : byDefault,
    connectionState: typeof state === "string" && state !== "" ? state : undefined
  }
}
