/**
 * Subjects, and what passes between a client and the bridge. A frame is a message on its group's subject, as it was
 * published.
 *
 * A client's token is its user JWT and the seed that belongs to it. The JWT says everything the client needs: what it may
 * subscribe, where it may publish, and, as its name, the sealed ticket that it shows the bridge.
 */
export interface Subjects {
  /** Where a group's frames go. */
  readonly group: (group: string) => string
  /** The one subject on which this connection may publish. */
  readonly up: (connection: string) => string
  /** Below it are the replies to this connection. */
  readonly inbox: (connection: string) => string
}
export const subjectsOf = (prefix: string): Subjects => ({
  group: (group) => `${prefix}.group.${checkToken(group)}`,
  up: (connection) => `${prefix}.up.${connection}`,
  inbox: (connection) => `${prefix}.in.${connection}`
})
/** A `*` or `>` in it would be a right to hear everyone. */
const checkToken = (group: string): string => {
  if (!/^[\w-]{1,128}$/.test(group)) throw new TypeError("a group's name has 1–128 of A–Z a–z 0–9 _ -")
  return group
}

/** What a client asks of the bridge. */
export interface FromClient {
  readonly ticket: string
  readonly event: string
  readonly data: unknown
}
export type FromBridge = { readonly reply: unknown } | { readonly failed: string }

/** What the client reads out of its token; it is the server that holds it to this. */
export interface Rights {
  readonly jwt: string
  readonly seed: string
  readonly ticket: string
  readonly groups: readonly string[]
  readonly up: string
  readonly inbox: string
}
export const tokenOf = (jwt: string, seed: string): string => `${jwt}.${seed}`

/** Throws for what is not a token of this gateway. */
export const rightsOf = (token: string): Rights => {
  const [head = "", body = "", signature = "", seed = ""] = token.split(".")
  const { name, nats } = JSON.parse(atob(body.replace(/-/g, "+").replace(/_/g, "/"))) as {
    readonly name: string
    readonly nats: { readonly pub: { readonly allow: [string] }; readonly sub: { readonly allow: readonly string[] } }
  }
  const [inbox = "", ...groups] = nats.sub.allow
  return {
    jwt: `${head}.${body}.${signature}`,
    seed,
    ticket: name,
    groups,
    up: nats.pub.allow[0],
    inbox: inbox.replace(/\.>$/, "")
  }
}
