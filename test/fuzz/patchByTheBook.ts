/** RFC 6902 and 6901, as short as they are: slow, changing, unbounded. `undefined` where a patch does not apply. */
import { isDeepStrictEqual } from "node:util"
import type { PatchOperation } from "../../src/protocol/Event.ts"
import type { Json } from "../../src/protocol/Json.ts"

const FORBIDDEN = /\/(__proto__|constructor\/prototype)(\/|$)/
const fail = (): never => {
  throw new Error("does not apply")
}
export const patchByTheBook = (doc: Json, patch: readonly PatchOperation[]): { readonly value: Json } | undefined => {
  const root = { "": doc } as Record<string, Json>
  const split = (pointer: string): string[] => {
    if (FORBIDDEN.test(pointer) || /~(?![01])/.test(pointer) || (pointer !== "" && !pointer.startsWith("/"))) fail()
    return pointer.split("/").map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"))
  }
  /** The container that holds the pointer's last token, and that token. */
  const find = (pointer: string): [Record<string, Json>, string] => {
    const tokens = split(pointer)
    const last = tokens.pop()!
    return [tokens.reduce((node, token) => at(node, token) as Record<string, Json>, root as Record<string, Json>), last]
  }
  const at = (node: Json | Record<string, Json>, token: string): Json => {
    if (typeof node !== "object" || node === null || !Object.hasOwn(node, token)) return fail()
    if (Array.isArray(node) && !/^(0|[1-9]\d*)$/.test(token)) return fail()
    return (node as Record<string, Json>)[token]!
  }
  const read = (pointer: string): Json => at(...find(pointer))
  const remove = (pointer: string): void => {
    const [node, token] = find(pointer)
    at(node, token)
    if (pointer === "") fail()
    if (Array.isArray(node)) node.splice(Number(token), 1)
    else delete node[token]
  }
  const add = (pointer: string, value: Json): void => {
    const [node, token] = find(pointer)
    if (typeof node !== "object" || node === null) fail()
    if (!Array.isArray(node))
      return void Object.defineProperty(node, token, { value, enumerable: true, configurable: true, writable: true })
    const index = token === "-" ? node.length : /^(0|[1-9]\d*)$/.test(token) ? Number(token) : fail()
    if (index > node.length) fail()
    node.splice(index, 0, value)
  }
  try {
    for (const one of patch) {
      if ("value" in one && one.op === "test" && !isDeepStrictEqual(read(one.path), one.value)) fail()
      if (one.op === "add") add(one.path, structuredClone(one.value))
      if (one.op === "remove") remove(one.path)
      if (one.op === "replace") {
        const [node, token] = find(one.path)
        at(node, token)
        node[token] = structuredClone(one.value)
      }
      if (one.op === "move" && one.path !== one.from) {
        if (one.path.startsWith(`${one.from}/`)) fail()
        const value = read(one.from)
        remove(one.from)
        add(one.path, value)
      } else if (one.op === "move") read(one.from)
      if (one.op === "copy") add(one.path, structuredClone(read(one.from)))
    }
    return { value: root[""]! }
  } catch {
    return undefined
  }
}
