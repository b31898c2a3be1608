/**
 * Throughline for Effect programs: the ports as services, the backend as a layer, agents as effects.
 */
export { AgentRun, makeAgent, type EffectAgentOptions } from "./agent/AgentRun.ts"
export { Backend, layerBackend, type BackendOptions, type BackendService } from "./server/Backend.ts"
export { Access, type AccessService, type Action, type AskedAbout, type Principal } from "./ports/Access.ts"
export {
  BlobCorrupt,
  BlobError,
  BlobRefused,
  BlobStore,
  BlobTooLarge,
  BlobUnavailable,
  type BlobStoreService,
  type StoredBlob
} from "./ports/BlobStore.ts"
export {
  Gateway,
  type GatewayGrant,
  type GatewayService,
  type Inbox,
  type UpstreamEvent,
  type UpstreamReply
} from "./ports/Gateway.ts"
export type { GatewayCapabilities } from "./ports/GatewayCapabilities.ts"
export {
  FrameTooLarge,
  GatewayError,
  GatewayRefused,
  GatewayThrottled,
  GatewayUnavailable,
  UpstreamRejected
} from "./ports/GatewayError.ts"
export { Ids } from "./ports/Ids.ts"
export { Job, JobQueue, QueueError, type Delivery, type JobQueueService } from "./ports/JobQueue.ts"
export { LogCorrupt, LogError, LogFull, LogUnavailable, OffsetExpired, RecordTooLarge } from "./ports/LogError.ts"
export {
  ThreadLog,
  type Append,
  type AppendResult,
  type Erase,
  type Durability,
  type Head,
  type Note,
  type ReadResult,
  type Snapshot,
  type StoredEntry,
  type ThreadLogService
} from "./ports/ThreadLog.ts"
export type { Admit } from "./server/admit.ts"
export type { EraseOptions } from "./server/erase.ts"
export type { Limits } from "./server/limits.ts"
export type { ThreadName } from "./server/threadName.ts"
export type { Trimmed, TrimOptions } from "./server/trim.ts"
