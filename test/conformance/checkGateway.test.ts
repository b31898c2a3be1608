import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { checkGateway, gatewayReport } from "../../src/conformance/checkGateway.ts"
import { type RunningEnv } from "../adapters/gateways/environments/environment.ts"
import { startSse } from "../adapters/gateways/environments/sse.ts"

describe("the report of a gateway's cases", () => {
  let env: RunningEnv<unknown>
  beforeAll(async () => void (env = await startSse()))
  afterAll(() => env.close())

  it("says that what is claimed holds, and what was skipped because it is not", async () => {
    const findings = await checkGateway(env)
    expect(findings.filter(({ outcome }) => outcome === "fails")).toEqual([])
    const report = gatewayReport("sse", findings)
    expect(report).toMatch(/^sse: 18 of 18 cases hold, 10 skipped\n\n✓ /)
    expect(report).toContain(
      "✓ a cut is reported within a second: bridged where recovery is claimed, ended elsewhere\n"
    )
    expect(report).toContain("– a server hears the groups it joined, until it leaves (serverSubscribe not claimed)\n")
  }, 30_000)

  it("begins with what fails, and how; and says where nothing could be cut", async () => {
    const { cut: _, ...rest } = env
    const modest = { ...env.gateway, capabilities: { ...env.gateway.capabilities, revoke: false } }
    const findings = await checkGateway({ ...rest, gateway: modest })
    const [summary, , first, why] = gatewayReport("modest", findings).split("\n")
    expect(summary).toBe("modest: 15 of 16 cases hold, 12 skipped")
    expect([first, why]).toEqual([
      "✗ what is claimed is there, and what is not claimed is absent",
      "    revoke of sse: expected false, got true"
    ])
    expect(findings).toContainEqual({
      name: "a cut is reported within a second: bridged where recovery is claimed, ended elsewhere",
      outcome: "skipped",
      problem: "nothing here can cut connections",
      millis: 0
    })
  }, 30_000)
})
