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
/** `secret`: at least 16 characters, the same in every process of one backend. */
export const makeGroups = (secret: string): Groups => {
  const name = (kind: string, text: string) =>
    `${kind}-${createHmac("sha256", secret).update(`throughline/${kind}\0${text}`).digest("base64url")}`
  return {
    watch: (thread, generation) => name("t", `${thread}\0${generation}`),
    inbox: (thread) => name("i", thread)
  }
}
