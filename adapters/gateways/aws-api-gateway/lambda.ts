/**
 * The function behind a WebSocket API: lets connections in, keeps the registry, and carries events to the backend.
 *
 * One handler for the routes `$connect`, `$disconnect` and `$default`. Who a connection is was sealed by the backend in
 * its ticket, stored under the id that API Gateway gave the connection, and looked up by the id that API Gateway asserts
 * with each message; nothing that a client says is taken for it. API Gateway is the only caller that the function's
 * policy may allow.
 */
import type { APIGatewayProxyResultV2, APIGatewayProxyWebsocketEventV2 } from "aws-lambda"
import { messageOf } from "../../../src/gateway/errors.ts"
import { deriveSecrets, openTicket } from "../../../src/gateway/secrets.ts"
import { callBackend } from "../../../src/gateway/signedCall.ts"
import type { UpstreamEvent } from "../../../src/ports/Gateway.ts"
import { makeRegistry } from "./registry.ts"
import { lazyDynamo } from "./sdk.ts"
import { checkSettings, type RegistryOptions } from "./settings.ts"
import { SUBPROTOCOL, type FromClient, type FromGateway } from "./wire.ts"

export { awsHttpHandler } from "./http.ts"

export interface AwsWebSocketHandlerOptions extends RegistryOptions {
  /** At least 32 characters, shared with the backend. Secret. */
  readonly key: string
  /** A key to change to, or from: backends may have either. At least 32 characters. Secret. */
  readonly otherKey?: string | undefined
  /** The backend in this function (`backend.fetch`), or the address of its route `/upstream/aws-api-gateway`. */
  readonly backend: string | ((request: Request) => Promise<Response>)
}
/** `headers` come with `$connect` alone. */
export type AwsWebSocketEvent = APIGatewayProxyWebsocketEventV2 & {
  readonly headers?: Readonly<Record<string, string | undefined>>
}
const REQUEST_MILLIS = 5_000

/** Throws a `TypeError` that names a wrong option. */
export const awsWebSocketHandler = (
  options: AwsWebSocketHandlerOptions
): ((event: AwsWebSocketEvent) => Promise<APIGatewayProxyResultV2>) => {
  const secrets = [deriveSecrets("aws-api-gateway", options.key)]
  if (options.otherKey !== undefined) secrets.push(deriveSecrets("aws-api-gateway", options.otherKey, "otherKey"))
  const settings = checkSettings(options)
  const registry = makeRegistry(lazyDynamo(settings, { timeoutMillis: REQUEST_MILLIS }), settings.table)

  const { backend } = options
  /** The same call within this function as over the network, so that the backend verifies it in the same way. */
  const ask = (event: UpstreamEvent): Promise<unknown> =>
    typeof backend === "string"
      ? callBackend(secrets, backend, event)
      : callBackend(secrets, "http://lambda.invalid/upstream/aws-api-gateway", event, backend)
  /** Awaited, since nothing runs on after an answer; a backend that is away misses it. */
  const tell = (event: UpstreamEvent) => ask(event).catch(() => {})

  const connect = async (connection: string, headers: AwsWebSocketEvent["headers"] = {}) => {
    const offered = Object.entries(headers).find(([name]) => name.toLowerCase() === "sec-websocket-protocol")?.[1] ?? ""
    const [name, token = ""] = offered.split(",").map((part) => part.trim())
    const ticket = name === SUBPROTOCOL ? await openTicket(secrets, token) : undefined
    if (ticket === undefined) return { statusCode: 401 }
    await registry.add(connection, ticket)
    return { statusCode: 200, headers: { "Sec-WebSocket-Protocol": SUBPROTOCOL } }
  }
  const answer = async (connection: string, message: FromClient): Promise<FromGateway> => {
    const ticket = await registry.find(connection)
    if (ticket === undefined) return ["gone"]
    const { principal } = ticket
    if (message.action === "ping") return ["pong"]
    if (message.action === "open") {
      await Promise.all([registry.join(connection, ticket), tell({ type: "connected", connection, principal })])
      return ["open"]
    }
    const { data, event: name, id } = message
    try {
      return ["reply", id, await ask({ type: "event", connection, principal, name, data })]
    } catch (cause) {
      return ["failed", id, messageOf(cause)]
    }
  }
  const disconnect = async (connection: string) => {
    const ticket = await registry.remove(connection)
    if (ticket !== undefined) await tell({ type: "disconnected", connection, principal: ticket.principal })
    return { statusCode: 200 }
  }
  return async ({ body, headers, isBase64Encoded, requestContext: { connectionId, eventType } }) => {
    if (eventType === "CONNECT") return connect(connectionId, headers)
    if (eventType === "DISCONNECT") return disconnect(connectionId)
    const message = isBase64Encoded ? undefined : parseFromClient(body ?? "")
    // what is no message is not answered: its sender is no client of ours
    if (message === undefined) return { statusCode: 400 }
    return { statusCode: 200, body: JSON.stringify(await answer(connectionId, message)) }
  }
}

const parseFromClient = (text: string): FromClient | undefined => {
  let message: Partial<Record<"action" | "id" | "event" | "data", unknown>>
  try {
    message = Object(JSON.parse(text))
  } catch {
    return undefined
  }
  const { action, data = null, event, id } = message
  if (action === "open" || action === "ping") return { action }
  if (action !== "invoke" || !Number.isSafeInteger(id) || typeof event !== "string") return undefined
  if (event === "" || event.length > 128) return undefined
  return { action, id, event, data } as FromClient
}
