/** Runs the conformance cases of logs under vitest: one test per case. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Exit from "effect/Exit"
import * as Context from "effect/Context"
import { afterAll, beforeAll, expect, it } from "vitest"
import { logCases } from "../../../src/conformance/logCases.ts"
import type { LogError } from "../../../src/ports/LogError.ts"
import { ThreadLog } from "../../../src/ports/ThreadLog.ts"
import type { ThreadLogService } from "../../../src/ports/ThreadLog.ts"

export interface OpenLog {
  readonly log: ThreadLogService
  readonly close: () => Promise<void>
}
/** Builds the layer and keeps it until it is closed. Rejects with the `LogError`. */
export const openLog = async (layer: Layer.Layer<ThreadLog, LogError>): Promise<OpenLog> => {
  const scope = Scope.makeUnsafe()
  const close = () => Effect.runPromise(Scope.close(scope, Exit.void))
  try {
    const context = await Effect.runPromise(Layer.buildWithScope(layer, scope))
    return { log: Context.get(context, ThreadLog), close }
  } catch (cause) {
    await close()
    throw cause
  }
}
export const conforms = (open: () => Promise<Layer.Layer<ThreadLog, LogError>>): void => {
  let first: OpenLog
  let second: OpenLog
  beforeAll(async () => {
    const layer = await open()
    first = await openLog(Layer.fresh(layer))
    second = await openLog(Layer.fresh(layer))
  })
  afterAll(async () => {
    await first?.close()
    await second?.close()
  })
  for (const { name, run } of logCases()) {
    it(name, () => Effect.runPromise(run(first.log, { second: second.log })))
  }
  it("says what an acknowledged append survives", () => {
    expect(first.log.durability.sigkill).toMatch(/\.$/)
    expect(first.log.durability.powerCut).toMatch(/\.$/)
  })
}
