/**
 * What the gateway calls us with: verified by its adapter, then treated like any request. PROTOCOL.md#upstream
 *
 * A refusal is an answer with HTTP 200: anything else would make the service drop the client's connection.
 */
import * as Effect from "effect/Effect"
import { fault, type Fault } from "../protocol/Fault.ts"
import { checkSocketInterrupt } from "../protocol/guardRequest.ts"
import type { Json } from "../protocol/Json.ts"
import type { UpstreamEvent, UpstreamReply } from "../ports/Gateway.ts"
import { notFound, refuse } from "./answer.ts"
import { socketInterrupt } from "./commands.ts"
import type { ServerServices } from "./ServerServices.ts"

export const upstream = (services: ServerServices, gatewayName: string, request: Request): Effect.Effect<Response> => {
  const { gateway } = services
  if (gateway.upstream === undefined || gateway.name !== gatewayName) return Effect.succeed(refuse(notFound))
  return gateway
    .upstream(request, (event) => handle(services, event))
    .pipe(
      Effect.catch((rejected) =>
        Effect.as(
          Effect.logWarning(`upstream call refused: ${rejected.problem}`),
          // the adapter's status: a gateway reads it, not our catalogue
          new Response(JSON.stringify({ ok: false, error: fault(rejected.code, rejected.problem) }), {
            status: rejected.status,
            headers: { "content-type": "application/json; charset=utf-8" }
          })
        )
      )
    )
}

const handle = (services: ServerServices, event: UpstreamEvent): Effect.Effect<UpstreamReply> => {
  if (event.type !== "event") return Effect.succeed(undefined)
  const limited = services.limiter.take(event.principal, ["requests", "interrupts"])
  if (limited !== undefined) return Effect.succeed(failed(limited))
  if (event.name !== "interrupt") {
    return Effect.succeed(failed(fault("UNKNOWN_TYPE", "clients may send the event `interrupt`, nothing else")))
  }
  const sent = checkSocketInterrupt(event.data)
  if (!sent.ok) return Effect.succeed(failed(sent.fault))
  return socketInterrupt(services, event.principal, sent.value).pipe(
    Effect.match({ onSuccess: (receipt) => receipt as unknown as Json, onFailure: failed }),
    Effect.catchDefect((defect) =>
      Effect.as(
        Effect.logError("upstream call failed", defect),
        failed(fault("INTERNAL", "the interrupt could not be handled"))
      )
    )
  )
}
const failed = (error: Fault): Json => ({ ok: false, error }) as unknown as Json
