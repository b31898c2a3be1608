/**
 * Who calls, and whether they may: asked on every call, deny unless allowed. PROTOCOL.md#security
 */
import * as Effect from "effect/Effect"
import { fault, type Fault } from "../protocol/Fault.ts"
import { isId, isThreadName } from "../protocol/Id.ts"
import type { Action, Principal } from "../ports/Access.ts"
import type { ThreadKey } from "../ports/ThreadLog.ts"
import { notFound } from "./answer.ts"
import type { ServerServices } from "./ServerServices.ts"
import { keyOf, TENANT } from "./tenants.ts"

export const authenticate = (services: ServerServices, request: Request): Effect.Effect<Principal, Fault> =>
  Effect.flatMap(services.access.authenticate(request), (principal) =>
    principal === null
      ? Effect.fail(fault("UNAUTHENTICATED", "the request does not say who sends it; sign in again"))
      : checkPrincipal(principal)
  )

const checkPrincipal = (principal: Principal): Effect.Effect<Principal, Fault> =>
  isId(principal.id) && (principal.tenant === undefined || TENANT.test(principal.tenant))
    ? Effect.succeed(principal)
    : Effect.die(
        new TypeError("authenticate answered a principal whose id or tenant has characters that neither may have")
      )

/** Answers the thread's key. Unknown and forbidden threads are told alike; what one may see but not do is `FORBIDDEN`. */
export const permit = (
  services: ServerServices,
  principal: Principal,
  action: Action,
  thread: string
): Effect.Effect<ThreadKey, Fault> =>
  Effect.gen(function* () {
    if (!isThreadName(thread)) {
      return yield* Effect.fail(
        fault("BAD_ID", "a thread's name is 1 to 128 of A-Z a-z 0-9 . _ ~ : -", { path: "thread" })
      )
    }
    if (yield* services.access.authorize(principal, action, thread)) return keyOf(principal, thread)
    const visible = action !== "read" && (yield* services.access.authorize(principal, "read", thread))
    return yield* Effect.fail(visible ? fault("FORBIDDEN", `you may not ${action} in this thread`) : notFound)
  })
