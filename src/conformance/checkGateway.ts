/**
 * Runs the cases of a gateway without a test runner, and tells people what came of them.
 *
 * For authors of adapters: give the environment, read the report, and hold a program to `outcome`.
 */
import type { GatewayCapabilities } from "../ports/GatewayCapabilities.ts"
import { appliesTo, type GatewayCase, type GatewayEnv } from "./gatewayCase.ts"
import { gatewayCases } from "./gatewayCases.ts"

export interface GatewayFinding {
  readonly name: string
  /** `skipped`: it is about what the gateway does not claim, or the environment has no `cut`. */
  readonly outcome: "holds" | "fails" | "skipped"
  /** What was expected and what came, or why it was skipped. */
  readonly problem?: string
  readonly millis: number
}

/** Runs every case that the gateway's claims call for, one after the other. Never rejects. */
export const checkGateway = async (env: GatewayEnv): Promise<readonly GatewayFinding[]> => {
  const { capabilities } = env.gateway
  const findings: GatewayFinding[] = []
  for (const one of gatewayCases) {
    const { name } = one
    if (!appliesTo(one, { capabilities, canCut: env.cut !== undefined })) {
      findings.push({ name, outcome: "skipped", problem: reasonOf(one, capabilities), millis: 0 })
      continue
    }
    const began = Date.now()
    const problem = await one.run(env).then(
      () => undefined,
      (cause: unknown) => (cause instanceof Error ? cause.message : String(cause))
    )
    const millis = Date.now() - began
    findings.push(
      problem === undefined ? { name, outcome: "holds", millis } : { name, outcome: "fails", problem, millis }
    )
  }
  return findings
}

const reasonOf = ({ needs = [] }: GatewayCase, capabilities: GatewayCapabilities): string => {
  const missing = needs.filter((claim) => !capabilities[claim])
  return missing.length > 0 ? `${missing.join(" and ")} not claimed` : "nothing here can cut connections"
}

const SIGNS = { holds: "✓", fails: "✗", skipped: "–" } as const

/** The findings as a page of text: first how many hold, then what fails, then the rest in their order. */
export const gatewayReport = (gateway: string, findings: readonly GatewayFinding[]): string => {
  const those = (wanted: GatewayFinding["outcome"]) => findings.filter(({ outcome }) => outcome === wanted)
  const [holds, fails, skipped] = [those("holds"), those("fails"), those("skipped")]
  const line = ({ name, outcome, problem }: GatewayFinding) =>
    `${SIGNS[outcome]} ${name}${outcome === "fails" ? `\n    ${problem}` : outcome === "skipped" ? ` (${problem})` : ""}`
  const summary = `${gateway}: ${holds.length} of ${holds.length + fails.length} cases hold, ${skipped.length} skipped`
  return [summary, "", ...[...fails, ...holds, ...skipped].map(line), ""].join("\n")
}
