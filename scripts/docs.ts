/**
 * Writes the generated parts of the documents: tables of gateways, errors, bad inputs, faults and mutants. `--check` only
 * compares.
 *
 * A part lies between `<!-- generated: NAME -->` and `<!-- end -->`; the rest of the file is written by hand.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { capabilities as azure } from "../adapters/gateways/azure-web-pubsub/capabilities.ts"
import { capabilities as pusher } from "../adapters/gateways/pusher/capabilities.ts"
import { capabilities as sse } from "../adapters/gateways/sse/capabilities.ts"
import { capabilities as socketIo } from "../adapters/gateways/socket.io/capabilities.ts"
import { capabilities as awsApiGateway } from "../adapters/gateways/aws-api-gateway/capabilities.ts"
import { capabilities as durableObjects } from "../adapters/gateways/cloudflare-durable-objects/capabilities.ts"
import { capabilities as mqtt } from "../adapters/gateways/mqtt/capabilities.ts"
import { capabilities as pushpin } from "../adapters/gateways/pushpin/capabilities.ts"
import { capabilities as nats } from "../adapters/gateways/nats/capabilities.ts"
import { capabilities as ws } from "../adapters/gateways/ws/capabilities.ts"
import { appliesTo } from "../src/conformance/gatewayCase.ts"
import { gatewayCases } from "../src/conformance/gatewayCases.ts"
import type { GatewayCapabilities } from "../src/ports/GatewayCapabilities.ts"
import { FAULTS } from "../src/protocol/Fault.ts"
import { faultTable } from "../test/faults/table.ts"
import { MAX_ENTRY_BYTES } from "../src/protocol/Limits.ts"
import { inputTables } from "../test/inputs/table.ts"
import { mutants } from "../test/mutants/mutants.ts"

const gateways: Readonly<Record<string, GatewayCapabilities>> = {
  "azure-web-pubsub": azure,
  ws,
  sse,
  pusher,
  "socket.io": socketIo,
  "aws-api-gateway": awsApiGateway,
  "cloudflare-durable-objects": durableObjects,
  mqtt,
  pushpin,
  nats
}

const table = (header: readonly string[], rows: readonly (readonly string[])[]): string =>
  [header, header.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")
const yes = (value: boolean) => (value ? "yes" : "no")

/** What of Throughline's promises the gateway leaves to Throughline. Replay always: no gateway keeps a thread. */
const added = (can: GatewayCapabilities): string =>
  [
    "replay",
    ...(can.order === "none" ? ["order"] : []),
    ...(can.delivery === "at-most-once" ? ["what was lost"] : ["each once"]),
    ...(can.recovery ? [] : ["resume"]),
    ...(can.upstream ? [] : ["interrupts over HTTP"]),
    ...(can.maxFrameBytes < MAX_ENTRY_BYTES ? ["larger entries"] : [])
  ].join(", ")

/** The cases that a gateway's claims call for, of all; `test/conformance/gateways.test.ts` runs exactly these. */
const cases = (capabilities: GatewayCapabilities): string => {
  const called = gatewayCases.filter((one) => appliesTo(one, { capabilities, canCut: true }))
  return `${called.length} of ${gatewayCases.length}`
}

const capabilityTable = (): string =>
  table(
    [
      "gateway",
      "order",
      "largest frame",
      "delivery",
      "bridges cuts",
      "presence",
      "way back",
      "server listens",
      "revoke",
      "right to connect",
      "cases",
      "Throughline adds"
    ],
    Object.entries(gateways).map(([name, can]) => [
      `[\`${name}\`](adapters/gateways/${name}/README.md)`,
      can.order === "none" ? "none" : "per connection",
      `${Math.floor(can.maxFrameBytes / 1000)} kB`,
      can.delivery,
      yes(can.recovery),
      yes(can.presence),
      yes(can.upstream),
      yes(can.serverSubscribe),
      yes(can.revoke),
      can.auth,
      cases(can),
      added(can)
    ])
  )
const errorTable = (): string =>
  table(
    ["code", "HTTP", "try again", "when"],
    Object.entries(FAULTS).map(([code, { retryable, status, when }]) => [
      `\`${code}\``,
      String(status),
      yes(retryable),
      when
    ])
  )

const mutantTable = (): string =>
  table(
    ["what is broken", "rule", "killed by"],
    mutants.map(({ name, rule, tests }) => [name, rule, tests.map((file) => `\`${file}\``).join(", ")])
  )

const parts: readonly { readonly file: string; readonly name: string; readonly text: () => string }[] = [
  { file: "README.md", name: "capabilities", text: capabilityTable },
  { file: "docs/errors.md", name: "errors", text: errorTable },
  { file: "docs/bad-inputs.md", name: "bad-inputs", text: inputTables },
  { file: "docs/faults.md", name: "faults", text: faultTable },
  { file: "docs/mutants.md", name: "mutants", text: mutantTable }
]

/** Files whose generated part is not what it would be now; they are written unless `check`. */
export const refreshDocs = (check: boolean): readonly string[] =>
  parts.flatMap(({ file, name, text }) => {
    const path = fileURLToPath(new URL(`../${file}`, import.meta.url))
    const now = readFileSync(path, "utf8")
    const part = new RegExp(`(<!-- generated: ${name} -->\n)[^]*?(<!-- end -->)`)
    if (!part.test(now)) throw new Error(`${file} has no part "${name}"`)
    const fresh = now.replace(part, (_, begin: string, end: string) => `${begin}${text()}\n${end}`)
    if (fresh === now) return []
    if (!check) writeFileSync(path, fresh)
    return [file]
  })

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const stale = refreshDocs(process.argv.includes("--check"))
  if (stale.length > 0) console.log(`${process.argv.includes("--check") ? "stale" : "written"}: ${stale.join(", ")}`)
  if (process.argv.includes("--check") && stale.length > 0) process.exitCode = 1
}
