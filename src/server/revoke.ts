/**
 * Taking access back: the thread's groups get new names, and the old ones fall silent. PROTOCOL.md#security
 *
 * First let `authorize` refuse the principal, then call this. From the append on, every process publishes to the new
 * groups as soon as it reads the head, within seconds; who may still read is granted anew. Whatever the gateway
 * does, the old group brings nothing any more; taking the connection out of it is only tidier.
 */
import * as Effect from "effect/Effect"
import type { Fault } from "../protocol/Fault.ts"
import type { Principal } from "../ports/Access.ts"
import type { ThreadKey } from "../ports/ThreadLog.ts"
import { encodeHead } from "../writer/draft.ts"
import type { ServerServices } from "./ServerServices.ts"
import { command, namedThread, orFault } from "./threadName.ts"

const PUBLISH_MILLIS = 2_000

/** Answers the offset at which the names changed. Calling again changes them again. */
export const revoke = (
  services: ServerServices,
  principal: Pick<Principal, "id" | "tenant">,
  name: string
): Effect.Effect<{ readonly ok: true; readonly offset: number }, Fault> =>
  Effect.gen(function* () {
    const { gateway, writers } = services
    const thread = yield* namedThread({ ...principal, thread: name })
    const { answer, offset } = yield* command(services, thread, { type: "revoke" })
    const before = answer.type === "revoked" ? answer.generation - 1 : 0
    const group = writers.groups.watch(thread, before)
    if (gateway.revoke !== undefined) {
      yield* gateway.revoke(principal, group).pipe(
        Effect.timeout(PUBLISH_MILLIS),
        Effect.catch((error) => Effect.logWarning(`revoke: ${error.message}; its old group is silent anyway`))
      )
    }
    yield* leaveWord(services, thread, before)
    return { ok: true, offset } as const
  })

/** A last head frame for who is still in the groups of a generation, so that they look at the log at once. */
export const leaveWord = ({ gateway, log, writers }: ServerServices, thread: ThreadKey, generation: number) =>
  Effect.gen(function* () {
    const head = yield* orFault(log.head(thread))
    yield* gateway.publish(writers.groups.watch(thread, generation), encodeHead(thread, head))
  }).pipe(Effect.timeout(PUBLISH_MILLIS), Effect.ignore)
