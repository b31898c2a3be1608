/** Grants: a short-lived right to connect and watch threads, and nothing else. PROTOCOL.md#requests */
import * as Effect from "effect/Effect"
import { fault } from "../protocol/Fault.ts"
import type { Grant, GrantRequest } from "../protocol/Exchange.ts"
import type { Principal } from "../ports/Access.ts"
import { emptyControl } from "../thread/control.ts"
import { decodeControl } from "../thread/decide.ts"
import { faultOf } from "../writer/readView.ts"
import { permit } from "./caller.ts"
import type { ServerServices } from "./ServerServices.ts"

/** Threads that one connection may watch. */
const MAX_THREADS = 100

/** `name` must be readable; of the further threads those that are not are left out of `groups`. */
export const grant = (services: ServerServices, principal: Principal, name: string, request: GrantRequest) =>
  Effect.gen(function* () {
    const { gateway, log, writers } = services
    const names = [...new Set([name, ...(request.threads ?? [])])]
    if (names.length > MAX_THREADS) {
      return yield* Effect.fail(
        fault("TOO_MANY", `one connection watches at most ${MAX_THREADS} threads`, {
          path: "threads",
          limit: MAX_THREADS
        })
      )
    }
    const groups: Record<string, string> = {}
    for (const each of names) {
      const permitted = permit(services, principal, "read", each)
      const readable = each === name ? permitted : Effect.catch(permitted, () => Effect.succeed(undefined))
      const thread = yield* readable
      if (thread === undefined) continue
      const head = yield* Effect.catch(log.head(thread), (error) => Effect.fail(faultOf(error)))
      const { generation } = decodeControl(head.control)
      // a revoke may have come between the permit and the head, whose group it was to keep from just this one
      if (generation !== emptyControl.generation && (yield* readable) === undefined) continue
      groups[each] = writers.groups.watch(thread, generation)
    }
    const { expiresAt, token, url } = yield* gateway
      .grant({ principal, groups: Object.values(groups), ttlMillis: services.grantMillis })
      .pipe(
        Effect.catch((error) =>
          Effect.andThen(
            Effect.logError(`cannot grant: ${error.message}`),
            Effect.fail(fault("GATEWAY_UNAVAILABLE", "the gateway gave no grant; try again"))
          )
        )
      )
    const granted: Grant = {
      gateway: gateway.name,
      url,
      ...(token === undefined ? {} : { token }),
      groups,
      expiresAt: new Date(expiresAt).toISOString(),
      reconnectSpreadMillis: services.reconnectSpreadMillis,
      upstream: gateway.upstream !== undefined
    }
    return { ok: true, grant: granted } as const
  })
