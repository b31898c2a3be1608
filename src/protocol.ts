/**
 * `throughline/protocol`: the plain half of the protocol for programs that speak it without our client or server.
 *
 * Types, ids, the guard, faults and limits; no Effect, nothing of Node. Rules: protocol/PROTOCOL.md
 */
export * from "./protocol/Entry.ts"
export type * from "./protocol/Event.ts"
export type * from "./protocol/Exchange.ts"
export * from "./protocol/Fault.ts"
export * from "./protocol/guard.ts"
export * from "./protocol/Id.ts"
export type * from "./protocol/Json.ts"
export * from "./protocol/Limits.ts"
export type * from "./protocol/UserInterrupt.ts"
export type * from "./protocol/View.ts"
