import { afterAll, beforeAll, describe, it } from "vitest"
import { gatewayCases } from "../../src/conformance/gatewayCases.ts"
import { appliesTo } from "../../src/conformance/gatewayCase.ts"
import { startAzure, startWs, type RunningEnv } from "../adapters/gateways/environments.ts"

for (const [name, start] of [["azure-web-pubsub", startAzure], ["ws", startWs]] as const) {
  describe(`the ${name} gateway`, () => {
    let env: RunningEnv<unknown>
    beforeAll(async () => void (env = await start()))
    afterAll(() => env.close())
    for (const gatewayCase of gatewayCases) {
      it(gatewayCase.name, async ({ skip }) => {
        if (!appliesTo(gatewayCase, env)) skip("not claimed by this gateway")
        await gatewayCase.run(env)
      })
    }
  })
}
