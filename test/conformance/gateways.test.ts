import { afterAll, beforeAll, describe, it } from "vitest"
import { capabilities as azure } from "../../adapters/gateways/azure-web-pubsub/capabilities.ts"
import { capabilities as sse } from "../../adapters/gateways/sse/capabilities.ts"
import { capabilities as ws } from "../../adapters/gateways/ws/capabilities.ts"
import { appliesTo } from "../../src/conformance/gatewayCase.ts"
import { gatewayCases } from "../../src/conformance/gatewayCases.ts"
import { startAzure, startSse, startWs, type RunningEnv } from "../adapters/gateways/environments.ts"

const gateways = [
  { name: "azure-web-pubsub", start: startAzure, capabilities: azure },
  { name: "ws", start: startWs, capabilities: ws },
  { name: "sse", start: startSse, capabilities: sse },
  { name: "sse, polled", start: () => startSse({}, { poll: true }), capabilities: sse }
] as const

for (const { name, start, capabilities } of gateways) {
  describe(`the ${name} gateway`, () => {
    let env: RunningEnv<unknown>
    beforeAll(async () => void (env = await start()))
    afterAll(() => env.close())
    for (const { name: sentence, run } of gatewayCases.filter((one) =>
      appliesTo(one, { capabilities, canCut: true })
    )) {
      it(sentence, () => run(env))
    }
  })
}
