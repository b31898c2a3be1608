/**
 * The client's public entry: follow a thread, send what people say. Browsers and Node, no Effect.
 */
export { openThread } from "./thread.ts"
export type { Thread, ThreadOptions } from "./thread.ts"
export type { ConnectionState, Listener, ThreadCounters, ThreadState } from "./follow.ts"
export type { ThreadError } from "./ThreadError.ts"
export type { EventsOptions, ThreadEvent } from "./events.ts"
export type { Actions, AgentType, Content, InputOf, InterruptOptions, PostOptions, StartOptions } from "./interrupts.ts"
export type { Environment } from "./environment.ts"
export type { Fetch, Token } from "./http.ts"
export type { GatewayClient, GatewayConnection, GatewayHandlers } from "./GatewayClient.ts"
export type { Grant, InterruptReceipt, PostMessage, PostMessageReceipt, StartRunReceipt } from "../protocol/Exchange.ts"
export type { Fault } from "../protocol/Fault.ts"
export type { Json } from "../protocol/Json.ts"
export type * from "../protocol/View.ts"
export type * from "../protocol/Event.ts"
