/**
 * Answers a client that has connected and wants to be let into its channels: Pusher takes only a signature over the
 * socket's id, which nobody knows before.
 *
 * The channels are those of the ticket, all at once; the client has no say in them. Browsers may ask from any origin: a
 * ticket proves the right, no cookie does.
 */
import * as Effect from "effect/Effect"
import type Pusher from "pusher"
import { openTicket, sealTicket } from "../../../src/gateway/secrets.ts"
import { UpstreamRejected } from "../../../src/ports/GatewayError.ts"
import type { Settings } from "./settings.ts"
import type { Authorization } from "./wire.ts"

/** After this a socket's events are dropped and go over HTTP; few sockets live as long. */
const SEAL_MILLIS = 24 * 60 * 60_000

const reject = (status: number, code: UpstreamRejected["code"], problem: string) =>
  new UpstreamRejected({ status, code, problem })

/** `body` is a form of `socket` and `ticket`. */
export const authorize = (
  { secrets, socketSecrets }: Settings,
  vendor: Pusher,
  body: string
): Effect.Effect<Response, UpstreamRejected> =>
  Effect.gen(function* () {
    const form = new URLSearchParams(body)
    const socket = form.get("socket") ?? ""
    if (!/^\d{1,20}\.\d{1,20}$/.test(socket)) return yield* reject(400, "BAD_SHAPE", "`socket` must be a socket's id")
    const ticket = yield* Effect.promise(() => openTicket([secrets], form.get("ticket") ?? ""))
    if (ticket === undefined)
      return yield* reject(401, "UNAUTHENTICATED", "the ticket is not of this backend, or it has expired")
    const { groups: channels, principal } = ticket
    const seal = { principal, groups: [socket, channels.at(-1) as string] }
    const answer: Authorization = {
      auth: Object.fromEntries(channels.map((name) => [name, vendor.authorizeChannel(socket, name).auth])),
      seal: yield* Effect.promise(() => sealTicket(socketSecrets, seal, Date.now() + SEAL_MILLIS))
    }
    return Response.json(answer, { headers: { "access-control-allow-origin": "*", "cache-control": "no-store" } })
  })
