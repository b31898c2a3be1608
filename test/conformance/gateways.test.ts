import { afterAll, beforeAll, describe, it } from "vitest"
import { appliesTo } from "../../src/conformance/gatewayCase.ts"
import { gatewayCases } from "../../src/conformance/gatewayCases.ts"
import { gateways } from "../adapters/gateways/environments/all.ts"
import type { RunningEnv } from "../adapters/gateways/environments/environment.ts"

for (const { capabilities, missing, name, start } of gateways) {
  describe.skipIf(missing !== undefined)(`the ${name} gateway${missing === undefined ? "" : ` (${missing})`}`, () => {
    let env: RunningEnv<unknown>
    beforeAll(async () => void (env = await start()), 60_000)
    afterAll(() => env.close())
    for (const { name: sentence, run } of gatewayCases.filter((one) =>
      appliesTo(one, { capabilities, canCut: true })
    )) {
      it(sentence, () => run(env))
    }
  })
}
