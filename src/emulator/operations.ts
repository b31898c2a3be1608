/**
 * The REST operations, one for each method and pattern: what they do to a hub and what they answer.
 *
 * Token and size were checked before; names and bodies are checked here.
 */
import { CLOSE_NORMAL } from "./connection.ts"
import type { Connection } from "./connection.ts"
import { BadPayload, groupMessage, payloadFromBody, serverMessage } from "./frames.ts"
import { fanOut, isGroupName } from "./hub.ts"
import type { Hub } from "./hub.ts"
import type { RoutePath } from "./routes.ts"
import type { Service } from "./service.ts"

export interface RestAnswer {
  readonly status: number
  readonly code?: string
  readonly message?: string
  readonly body?: unknown
}

export interface RestCall {
  readonly service: Service
  readonly hub: Hub
  readonly path: RoutePath
  readonly contentType: string | undefined
  readonly body: Buffer
  /** `http://host` as the caller knows it. */
  readonly origin: string
}

export type Operation = (call: RestCall) => RestAnswer | Promise<RestAnswer>

export const failed = (status: number, code: string, message: string): RestAnswer => ({ status, code, message })
const OK: RestAnswer = { status: 200 }
const ACCEPTED: RestAnswer = { status: 202 }
const NO_CONTENT: RestAnswer = { status: 204 }
const NOT_FOUND: RestAnswer = { status: 404, code: "NotFound", message: "There is no such connection, group or user." }
const BAD_GROUP = failed(400, "InvalidGroup", "A group's name must have 1 to 1024 characters, not all blank.")

const integerIn = (
  query: URLSearchParams,
  name: string,
  least: number,
  most: number
): number | undefined | RestAnswer => {
  const text = query.get(name)
  if (text === null) return undefined
  const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN
  return value >= least && value <= most
    ? value
    : failed(400, "InvalidParameter", `"${name}" must be an integer from ${least} to ${most}.`)
}

type Targets = (hub: Hub, id: string) => Iterable<Connection>
const everyone: Targets = (hub) => hub.connections.values()
const ofGroup: Targets = (hub, id) => hub.group(id)
const ofUser: Targets = (hub, id) => hub.user(id)
const byId: Targets = (hub, id) => {
  const connection = hub.connections.get(id)
  return connection === undefined ? [] : [connection]
}

/** A send, prepared from its URL: the listener keeps it and calls it for each body. */
export const prepareSend = (
  service: Service,
  hub: Hub,
  path: RoutePath
): RestAnswer | ((contentType: string | undefined, body: Buffer) => RestAnswer) => {
  const name = path.parameters[0] ?? ""
  const isGroup = path.pattern.startsWith("/groups/")
  if (isGroup && !isGroupName(name)) return BAD_GROUP
  if (path.query.has("filter")) return failed(501, "NotImplemented", "The emulator does not know filters yet.")
  const ttl = integerIn(path.query, "messageTtlSeconds", 0, 300)
  if (typeof ttl === "object") return ttl
  const ids = path.query.getAll("excluded")
  const excluded = ids.length === 0 ? undefined : new Set(ids)
  const targets = isGroup
    ? ofGroup
    : path.pattern.startsWith("/users/")
      ? ofUser
      : path.pattern.startsWith("/conn")
        ? byId
        : everyone
  const groupJson = JSON.stringify(name)
  return (contentType, body) => {
    try {
      const payload = payloadFromBody(contentType, body)
      const message = isGroup ? groupMessage(groupJson, payload, undefined) : serverMessage(payload)
      service.stats.delivered += fanOut(targets(hub, name), message, excluded)
      return ACCEPTED
    } catch (cause) {
      if (cause instanceof BadPayload) return failed(400, "InvalidBody", `${cause.message}.`)
      throw cause
    }
  }
}

const send: Operation = ({ service, hub, path, contentType, body }) => {
  const prepared = prepareSend(service, hub, path)
  return typeof prepared === "function" ? prepared(contentType, body) : prepared
}

const close =
  (targets: Targets, withExcluded: boolean): Operation =>
  ({ hub, path }) => {
    const excluded = new Set(withExcluded ? path.query.getAll("excluded") : [])
    const reason = path.query.get("reason") ?? "Closed by the application server."
    for (const connection of [...targets(hub, path.parameters[0] ?? "")]) {
      if (!excluded.has(connection.id)) connection.end(CLOSE_NORMAL, reason)
    }
    return NO_CONTENT
  }

const exists =
  (targets: Targets): Operation =>
  ({ hub, path }) => {
    for (const _ of targets(hub, path.parameters[0]!)) return OK
    return NOT_FOUND
  }

/** Puts connections into a group or takes them out; `order` says which parameter is the group. */
const membership =
  (targets: Targets, groupAt: 0 | 1, join: boolean): Operation =>
  ({ hub, path }) => {
    const group = path.parameters[groupAt]
    if (!isGroupName(group)) return BAD_GROUP
    let found = false
    for (const connection of [...targets(hub, path.parameters[1 - groupAt]!)]) {
      found = true
      if (join) hub.join(connection, group)
      else hub.leave(connection, group)
    }
    if (!join) return NO_CONTENT
    // A user may be offline, a connection must exist.
    return found || groupAt === 1 ? OK : NOT_FOUND
  }

const leaveAll =
  (targets: Targets): Operation =>
  ({ hub, path }) => {
    for (const connection of [...targets(hub, path.parameters[0]!)]) hub.leaveAll(connection)
    return NO_CONTENT
  }

const permission =
  (method: "PUT" | "DELETE" | "HEAD"): Operation =>
  ({ hub, path }) => {
    const name = path.parameters[0]
    if (name !== "joinLeaveGroup" && name !== "sendToGroup") {
      return failed(400, "InvalidPermission", "The permission must be joinLeaveGroup or sendToGroup.")
    }
    const target = path.query.get("targetName")
    if (target !== null && !isGroupName(target)) return BAD_GROUP
    const connection = hub.connections.get(path.parameters[1]!)
    if (connection === undefined) return method === "DELETE" ? NO_CONTENT : NOT_FOUND
    const role = `webpubsub.${name}${target === null ? "" : `.${target}`}`
    if (method === "PUT") connection.roles.add(role)
    if (method === "DELETE") connection.roles.delete(role)
    if (method === "HEAD") {
      const granted = target === null ? connection.roles.has(role) : connection.may(name, target)
      return granted ? OK : NOT_FOUND
    }
    return method === "DELETE" ? NO_CONTENT : OK
  }

const listConnections: Operation = ({ hub, path, origin }) => {
  const group = path.parameters[0]!
  if (!isGroupName(group)) return BAD_GROUP
  const size = integerIn(path.query, "maxpagesize", 1, 200)
  if (typeof size === "object") return size
  const top = integerIn(path.query, "top", 1, 999_999_999)
  if (typeof top === "object") return top
  const start = integerIn(path.query, "continuationToken", 0, 999_999_999) ?? 0
  if (typeof start === "object") return start
  const members = [...hub.group(group)].slice(0, top).map(({ id, userId }) => ({ connectionId: id, userId }))
  const end = start + (size ?? 200)
  const next = new URLSearchParams(path.query)
  next.set("continuationToken", String(end))
  const nextLink = `${origin}/api/hubs/${encodeURIComponent(path.hub)}/groups/${encodeURIComponent(group)}/connections?${next}`
  return { status: 200, body: { value: members.slice(start, end), ...(end < members.length ? { nextLink } : {}) } }
}

const generateToken: Operation = async ({ service, hub, path, origin }) => {
  const minutes = integerIn(path.query, "minutesToExpire", 1, 999_999_999) ?? 60
  if (typeof minutes === "object") return minutes
  const clientType = path.query.get("clientType") ?? "Default"
  if (clientType.toLowerCase() !== "default")
    return failed(501, "NotImplemented", "The emulator knows Web PubSub clients only.")
  const token = await service.keys.sign({
    audience: `${origin}/client/hubs/${hub.name}`,
    userId: path.query.get("userId") ?? undefined,
    roles: path.query.getAll("role"),
    groups: path.query.getAll("group"),
    minutesToExpire: minutes
  })
  return { status: 200, body: { token } }
}

const withFilter: Operation = () => failed(501, "NotImplemented", "The emulator does not know filters yet.")

/** By pattern, then by method. */
export const OPERATIONS: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  "/:send": { POST: send },
  "/groups/*/:send": { POST: send },
  "/users/*/:send": { POST: send },
  "/connections/*/:send": { POST: send },
  "/:closeConnections": { POST: close(everyone, true) },
  "/groups/*/:closeConnections": { POST: close(ofGroup, true) },
  "/users/*/:closeConnections": { POST: close(ofUser, true) },
  "/connections/*": { DELETE: close(byId, false), HEAD: exists(byId) },
  "/groups/*": { HEAD: exists(ofGroup) },
  "/users/*": { HEAD: exists(ofUser) },
  "/groups/*/connections": { GET: listConnections },
  "/groups/*/connections/*": { PUT: membership(byId, 0, true), DELETE: membership(byId, 0, false) },
  "/users/*/groups/*": { PUT: membership(ofUser, 1, true), DELETE: membership(ofUser, 1, false) },
  "/connections/*/groups": { DELETE: leaveAll(byId) },
  "/users/*/groups": { DELETE: leaveAll(ofUser) },
  "/permissions/*/connections/*": { PUT: permission("PUT"), DELETE: permission("DELETE"), HEAD: permission("HEAD") },
  "/:generateToken": { POST: generateToken },
  "/:addToGroups": { POST: withFilter },
  "/:removeFromGroups": { POST: withFilter }
}
