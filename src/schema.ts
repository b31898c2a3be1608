/**
 * The protocol's shapes as Effect Schemas: the source of truth, for servers and tools. They keep unknown fields.
 * Decode wire text with the guard of `throughline/protocol` first: it is fast, and bounds depth before anything recurses.
 */
export * from "./protocol/schema/Entry.ts"
export * from "./protocol/schema/Event.ts"
export * from "./protocol/schema/Exchange.ts"
export * from "./protocol/schema/Fault.ts"
export * from "./protocol/schema/UserInterrupt.ts"
