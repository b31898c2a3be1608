/**
 * Who comes and goes, as the server says it in its system account: part of the bridge.
 *
 * The server puts the user's JWT into the event, the JWT's name is the ticket, and the server let in nobody whose JWT
 * the account did not sign. An event that is missed, is missed.
 */
import type { NatsConnection } from "@nats-io/transport-node"
import { openTicket, type GatewaySecrets } from "../../../src/gateway/secrets.ts"
import type { UpstreamEvent } from "../../../src/ports/Gateway.ts"
import { connectionOf } from "./users.ts"
import { rightsOf, subjectsOf } from "./wire.ts"

/** What is used of `io.nats.server.advisory.v1.client_connect` and `…disconnect`. */
interface Advisory {
  readonly client?: { readonly jwt?: string; readonly name_tag?: string }
}

export const connectionEvents =
  (
    queue: string,
    prefix: string,
    secrets: readonly GatewaySecrets[],
    call: (event: UpstreamEvent) => Promise<unknown>
  ) =>
  (connection: NatsConnection): void => {
    const listen = (subject: string, type: "connected" | "disconnected") =>
      connection.subscribe(`$SYS.ACCOUNT.*.${subject}`, {
        queue,
        callback: (problem, message) => {
          if (problem === null) tell(type, message.string()).catch(() => {})
        }
      })
    const tell = async (type: "connected" | "disconnected", text: string) => {
      const { client } = JSON.parse(text) as Advisory
      const rights = rightsOf(client?.jwt ?? "")
      const id = connectionOf(rights.ticket)
      if (rights.up !== subjectsOf(prefix).up(id)) return
      const ticket = await openTicket(secrets, rights.ticket)
      if (ticket !== undefined) await call({ type, connection: id, principal: ticket.principal })
    }
    listen("CONNECT", "connected")
    listen("DISCONNECT", "disconnected")
  }
