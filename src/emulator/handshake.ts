/**
 * WebSocket handshakes: the client's token, the blocking `connect` event, the subprotocol, and recovery.
 *
 * A refused handshake is an HTTP answer. A refused recovery is not: the SDK would go on trying for 30 s, so the socket
 * is opened and closed with 1008, which makes it start afresh.
 */
import { randomBytes, randomUUID } from "node:crypto"
import type { IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"
import { WebSocketServer } from "ws"
import type { WebSocket } from "ws"
import { askUpstream } from "./connectEvent.ts"
import { CLOSE_POLICY, Connection, SUBPROTOCOLS } from "./connection.ts"
import { receive } from "./dispatch.ts"
import { strikes } from "./faults.ts"
import { isGroupName, isHubName } from "./hub.ts"
import type { Hub } from "./hub.ts"
import { refuse, Refusal } from "./refusal.ts"
import { hubOf, notifyUpstream } from "./service.ts"
import type { Service } from "./service.ts"
import { clientAudiences } from "./answers.ts"

export const MAX_FRAME_BYTES = 1024 * 1024

const target = (url: URL): string => {
  const match = /^\/client\/hubs\/([^/]+)\/?$/.exec(url.pathname)
  if (match === null && url.pathname !== "/client" && url.pathname !== "/client/") {
    throw new Refusal(404, "NotFound", "Clients connect at /client/hubs/{hub}.")
  }
  let name: string
  try {
    name = match === null ? (url.searchParams.get("hub") ?? "") : decodeURIComponent(match[1]!)
  } catch {
    name = ""
  }
  if (!isHubName(name))
    throw new Refusal(400, "InvalidHub", "The hub's name must begin with a letter and have at most 128 characters.")
  return name
}

export interface Handshakes {
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  readonly close: () => void
}

export const makeHandshakes = (service: Service): Handshakes => {
  /** Sockets whose handshake waits for a token's check or for the upstream; `server` does not know them yet. */
  const pending = new Set<Duplex>()
  const chosen = new WeakMap<IncomingMessage, string | undefined>()
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_FRAME_BYTES,
    perMessageDeflate: false,
    clientTracking: true,
    handleProtocols: (_offered, request) => chosen.get(request) ?? false
  })

  const open = (
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    subprotocol: string | undefined
  ): Promise<WebSocket> =>
    new Promise((resolve) => {
      chosen.set(request, subprotocol)
      server.handleUpgrade(request, socket, head, resolve)
    })

  const serve = (hub: Hub, connection: Connection, ws: WebSocket): void => {
    let broken: string | undefined
    ws.on("error", (error: Error & { code?: string }) => {
      if (error.code?.startsWith("WS_ERR_") === true) broken = `protocol error: ${error.message}`
    })
    ws.on("message", (data, isBinary) => receive(service, hub, connection, data as Buffer, isBinary))
    ws.on("close", (code, reason) => {
      if (broken !== undefined) {
        service.stats.protocolErrors++
        return connection.end(CLOSE_POLICY, broken)
      }
      // 1006: no close frame came, so the connection was cut and its client may come back.
      connection.detach(ws, code !== 1006, reason.toString("utf8"))
    })
    connection.attach(ws)
  }

  const recover = async (
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    hubName: string,
    query: URLSearchParams
  ) => {
    const id = query.get("awps_connection_id") ?? ""
    const hub = hubOf(service, hubName)
    const connection = hub.connections.get(id)
    const valid =
      connection !== undefined &&
      connection.protocol === "reliable" &&
      service.reconnection.verify(id, query.get("awps_reconnection_token") ?? "")
    const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim())
    const ws = await open(
      request,
      socket,
      head,
      valid ? connection.subprotocol : offered.find((name) => name in SUBPROTOCOLS)
    )
    if (!valid || connection.ended) {
      service.stats.recoveriesRefused++
      ws.on("error", () => {})
      ws.close(CLOSE_POLICY, "The connection cannot be recovered.")
      return
    }
    service.stats.recoveries++
    serve(hub, connection, ws)
  }

  const connect = async (
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    hubName: string,
    query: URLSearchParams
  ) => {
    const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1]
    const token = query.get("access_token") ?? bearer
    if (token === undefined) throw new Refusal(401, "Unauthorized", "A client needs an access token.")
    const verdict = await service.keys.verify(token, clientAudiences(service, request, hubName))
    if (!verdict.ok) throw new Refusal(401, "Unauthorized", `The access token is refused: ${verdict.message}.`)
    const offered = (request.headers["sec-websocket-protocol"] ?? "")
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "")
    const hub = hubOf(service, hubName)
    const id = `${randomUUID()}-${hub.name}`
    const accepted = await askUpstream(service, hub, id, request, query, verdict.claims, offered)
    if (socket.destroyed) return
    const connection = new Connection({
      id,
      hub: hub.name,
      userId: accepted.userId,
      protocol: (accepted.subprotocol === undefined ? undefined : SUBPROTOCOLS[accepted.subprotocol]) ?? "simple",
      subprotocol: accepted.subprotocol,
      roles: accepted.roles,
      sendsTo: query.get("webpubsub_mode") === "sendToGroup" ? (query.get("group") ?? undefined) : undefined,
      connectionState: accepted.connectionState,
      recoveryMillis: service.recoveryMillis,
      faults: service.faults,
      newReconnectionToken: () => service.reconnection.issue(id, randomBytes(12).toString("base64url")),
      onEnd: (ended, reason) => {
        hub.remove(ended)
        notifyUpstream(service, hub, ended, "disconnected", { reason })
      }
    })
    const ws = await open(request, socket, head, accepted.subprotocol)
    service.stats.connections++
    hub.add(connection)
    for (const group of accepted.groups) if (isGroupName(group)) hub.join(connection, group)
    serve(hub, connection, ws)
    notifyUpstream(service, hub, connection, "connected", {})
  }

  return {
    upgrade: (request, socket, head) => {
      pending.add(socket)
      socket.on("error", () => void socket.destroy())
      const attempt = async (): Promise<void> => {
        if (strikes(service.faults, service.faults.refuseConnections)) {
          throw new Refusal(503, "ServiceUnavailable", "An injected fault refused the connection.")
        }
        if (!URL.canParse(request.url ?? "", "http://local"))
          throw new Refusal(400, "BadRequest", "The URL is not valid.")
        const url = new URL(request.url ?? "", "http://local")
        const hub = target(url)
        const kind = url.searchParams.has("awps_connection_id") ? recover : connect
        await kind(request, socket, head, hub, url.searchParams)
      }
      attempt()
        .catch((cause: unknown) => {
          const refusal =
            cause instanceof Refusal ? cause : new Refusal(500, "InternalServerError", "The handshake failed.")
          service.log({ level: "warn", event: "client.refused", status: refusal.status, reason: refusal.message })
          refuse(socket, refusal)
        })
        .finally(() => pending.delete(socket))
    },
    close: () => {
      for (const socket of pending) socket.destroy()
      for (const ws of server.clients) ws.terminate()
      server.close()
    }
  }
}
