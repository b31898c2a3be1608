/**
 * Beginning a thread anew: everything in it is gone, idempotency included, and another log begins.
 *
 * Whoever watches it learns `LOG_CHANGED` and takes the (empty) view; workers of its runs are fenced at their next
 * append or look, and their jobs find nothing to take. The names of its groups change, so what was granted before
 * brings nothing. A process that dies in between leaves a dropped thread; dropping again does the rest.
 */
import * as Effect from "effect/Effect"
import { fault, type Fault } from "../protocol/Fault.ts"
import { decodeControl } from "../thread/decide.ts"
import { leaveWord } from "./revoke.ts"
import type { ServerServices } from "./ServerServices.ts"
import { command, namedThread, orFault, type ThreadName } from "./threadName.ts"

export const drop = (
  services: ServerServices,
  name: ThreadName
): Effect.Effect<{ readonly ok: true; readonly offset: number }, Fault> =>
  Effect.gen(function* () {
    const { blobs, log, nextId, writers } = services
    const thread = yield* namedThread(name)
    const head = yield* orFault(log.head(thread))
    // a damaged control is one of the reasons to drop a thread
    const before = yield* Effect.orElseSucceed(
      Effect.try(() => decodeControl(head.control).generation),
      () => 1
    )
    yield* orFault(log.drop(thread, nextId()))
    if (blobs !== undefined)
      yield* Effect.mapError(blobs.eraseAll(`${thread}/`), ({ message }) =>
        fault("STORE_UNAVAILABLE", `${message}; drop the thread again`)
      )
    writers.get(thread).look()
    const { offset } = yield* command(services, thread, {
      type: "revoke",
      // seconds are above any count of revokes, also when an earlier drop did not get this far
      above: Math.max(before, Math.floor(head.now / 1_000))
    })
    yield* leaveWord(services, thread, before)
    return { ok: true, offset }
  })
