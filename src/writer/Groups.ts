/**
 * Group names: an HMAC of tenant, thread and generation, so that nobody can guess one and revoking changes it.
 *
 * The watch group carries a thread's frames to people; the inbox group carries head frames to the worker that
 * works on the thread, and no browser is ever granted it. Rules: PROTOCOL.md#security
 */
import { createHmac } from "node:crypto"
import type { GroupName } from "../ports/Gateway.ts"
import type { ThreadKey } from "../ports/ThreadLog.ts"

export interface Groups {
  readonly watch: (thread: ThreadKey, generation: number) => GroupName
  readonly inbox: (thread: ThreadKey) => GroupName
}
/** Names kept, so that a busy thread's is not computed for every frame. */
const KEPT_NAMES = 10_000

/** `secret`: at least 16 characters, the same in every process of one backend. */
export const makeGroups = (secret: string): Groups => {
  const names = new Map<string, GroupName>()
  const name = (kind: string, text: string): GroupName => {
    const key = `${kind}\0${text}`
    const known = names.get(key)
    if (known !== undefined) return known
    const made = `${kind}-${createHmac("sha256", secret).update(`throughline/${key}`).digest("base64url")}`
    if (names.size >= KEPT_NAMES) names.clear()
    names.set(key, made)
    return made
  }
  return {
    watch: (thread, generation) => name("t", `${thread}\0${generation}`),
    inbox: (thread) => name("i", thread)
  }
}
