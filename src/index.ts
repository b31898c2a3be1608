/**
 * Throughline for backends, with promises: declare agents, create a backend, hand it requests and jobs.
 * With Effect: `throughline/effect`. Node host: `throughline/node`. Browser: `throughline/client`.
 */
export { defineAgent, type Agent, type AgentOptions } from "./agent/defineAgent.ts"
export type { Answered, Approval, Approved, Ask, AskOptions, AskSchemas, Reply, Unanswered } from "./agent/Ask.ts"
export { AgentError, ApprovalMismatch, Denied, OutcomeUnknown, ReplayDiverged, RunAborted } from "./agent/RunAborted.ts"
export type {
  CallContext,
  CustomEvents,
  HistoryMessage,
  HistoryPart,
  RawEvent,
  Run,
  StateDoc,
  Steering,
  StreamAdapter,
  ToolContext
} from "./agent/Run.ts"
export type { Swept } from "./agent/sweep.ts"
export type { Worked } from "./agent/worker.ts"
export { createBackend, type BackendHandle, type CreateBackendOptions } from "./server/createBackend.ts"
export type { BackendOptions } from "./server/Backend.ts"
export type { Action, AskedAbout, Principal } from "./ports/Access.ts"
export type { Counters } from "./writer/Counters.ts"
export type { Admit } from "./server/admit.ts"
export type { EraseOptions } from "./server/erase.ts"
export type { Limits } from "./server/limits.ts"
export type { ThreadName } from "./server/threadName.ts"
export type { Trimmed, TrimOptions } from "./server/trim.ts"
