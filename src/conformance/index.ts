/**
 * `throughline/conformance`: the cases that every log, gateway and blob store has to pass, wrappers that inject faults, and
 * the checker of recorded histories.
 *
 * Plain functions for any test runner: a case fails by throwing, or as an effect that fails, with a sentence that says
 * what was promised and what came.
 */
export { blobCases, type BlobCase, type BlobEnv } from "./blobCases.ts"
export { checkGateway, gatewayReport, type GatewayFinding } from "./checkGateway.ts"
export { faultyGateway, type FaultyGateway, type GatewayFaults } from "./faultyGateway.ts"
export { faultyLog, type FaultyLogOptions, type LogFault, type LogOperation } from "./faultyLog.ts"
export { appliesTo, GatewayCaseFailed, type GatewayCase, type GatewayEnv, type RecordedCall } from "./gatewayCase.ts"
export { gatewayCases } from "./gatewayCases.ts"
export { checkHistory } from "./history.ts"
export {
  INVARIANTS,
  type Breach,
  type ClientRecord,
  type History,
  type Invariant,
  type LogRecord,
  type Shown,
  type SideEffect,
  type Told
} from "./historyRecords.ts"
export { ConformanceFailure, type LogCase, type LogEnv } from "./logCase.ts"
export { checkLog, logCases, type LogFinding } from "./logCases.ts"
