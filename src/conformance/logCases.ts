/**
 * Conformance of thread logs: what every adapter must do, as cases that any test runner can run.
 *
 * With vitest: `for (const { name, run } of logCases()) it(name, () => Effect.runPromise(run(log, { second })))`.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { ThreadLogService } from "../ports/ThreadLog.ts"
import { appendCases } from "./logCasesAppend.ts"
import { knockCases } from "./logCasesKnock.ts"
import { readCases } from "./logCasesRead.ts"
import type { LogCase, LogEnv } from "./logCase.ts"

export const logCases = (): readonly LogCase[] => [...appendCases, ...readCases, ...knockCases]

export interface LogFinding {
  readonly name: string
  /** What was expected and what came; absent when the case holds. */
  readonly problem?: string
}
/** Runs every case, one after the other, and says which do not hold. Never fails. */
export const checkLog = (log: ThreadLogService, env: LogEnv): Effect.Effect<readonly LogFinding[]> =>
  Effect.forEach(logCases(), ({ name, run }) =>
    Effect.matchCause(run(log, env), {
      onSuccess: (): LogFinding => ({ name }),
      onFailure: (cause): LogFinding => ({ name, problem: String(Cause.squash(cause)) })
    })
  )
