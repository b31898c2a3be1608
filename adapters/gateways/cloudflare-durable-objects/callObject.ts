/**
 * One request to the object of a group. Always resolves with a response: 429 where the object has too much to do, 503 where
 * it did not answer.
 */
import { messageOf } from "../../../src/gateway/errors.ts"
import type { ObjectNamespace } from "./workers.ts"

export const callObject = async (
  namespace: ObjectNamespace,
  group: string,
  path: string,
  init: RequestInit
): Promise<Response> => {
  try {
    return await namespace.get(namespace.idFromName(group)).fetch(`https://group${path}`, init)
  } catch (cause) {
    // developers.cloudflare.com/durable-objects/best-practices/error-handling/
    const { overloaded } = Object(cause) as { readonly overloaded?: boolean }
    if (overloaded === true) return new Response("the object has too much to do", { status: 429 })
    return new Response(`the object did not answer: ${messageOf(cause)}`, { status: 503 })
  }
}
