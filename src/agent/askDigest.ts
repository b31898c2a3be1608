/**
 * What an answer is bound to: a digest of all that the person was shown. PROTOCOL.md#asks
 *
 * The worker makes it when it asks, the log holds it while the ask is open, and the worker makes it again of what it
 * is about to do.
 */
import type { AskOpened } from "../protocol/Event.ts"
import type { Json } from "../protocol/Json.ts"
import type { ThreadKey } from "../ports/ThreadLog.ts"
import { digestOf } from "../writer/digest.ts"

/** `shown`: the event as it is appended, with or without its digest. */
export const askDigest = (thread: ThreadKey, shown: AskOpened): string => {
  const { by: _, digest: __, meta: ___, type: ____, ...bound } = shown
  return digestOf({ ...bound, v: 1, thread } as unknown as Json)
}
/** An edited input has a digest of its own, bound to what was shown before it was edited. */
export const editDigest = (shown: string, input: Json): string => digestOf({ v: 1, edits: shown, input })
