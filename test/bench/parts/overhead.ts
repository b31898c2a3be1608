/**
 * What an adapter costs: the same texts at the same pace through both halves of each adapter, and through the vendor's SDKs
 * alone. 20 groups, each with a listener; no log and no backend on either side.
 */
import { existsSync } from "node:fs"
import type { GatewayName, GatewaySettings } from "../../../examples/gateways/settings.ts"
import { GATEWAYS } from "../../../src/cli/stack.ts"
import { compare, measuredTable } from "../compare.ts"
import { startProcess, type Process } from "../processes.ts"
import { atMost, type Part } from "../report.ts"
import type { Contender } from "../workload.ts"

const hasBare = (name: GatewayName) => existsSync(new URL(`../overhead/bare/${name}.ts`, import.meta.url))

const contender = (name: GatewayName, isBare: boolean): Contender => ({
  name: isBare ? `${name}, the vendor's SDKs` : name,
  start: async ({ runs }) => {
    const [service, producer, watcher] = ["study/service.ts", "overhead/publisher.ts", "overhead/listener.ts"].map(
      startProcess
    ) as [Process, Process, Process]
    const upstream = `${await producer.call<string>("listen")}/upstream/${name}`
    const settings = await service.call<GatewaySettings>("start", { name, upstream })
    await Promise.all([producer.call("use", { settings, isBare }), service.call("ready")])
    await watcher.call("watch", { grants: await producer.call("grants", runs), isBare })
    return { producer, watcher, others: [service] }
  }
})

export const overhead: Part = {
  name: "overhead",
  title: "Adapters beside the vendors' SDKs",
  run: async ({ quick }) => {
    const names = GATEWAYS.filter(hasBare)
    const measured = await compare(
      names.flatMap((name) => [contender(name, true), contender(name, false)]),
      {
        load: { runs: 20, tokensPerSecond: 20, seconds: quick ? 2 : 10 },
        rounds: quick ? 1 : 3,
        warmSeconds: quick ? 1 : 3
      }
    )
    const p50 = (name: string) => measured.get(name)?.p50Millis ?? Number.NaN
    return {
      markdown: ["20 groups × 20 texts a second:", measuredTable(measured)].join("\n\n"),
      bounds: names.map((name) =>
        atMost(`overhead, ${name}: p50 / SDK`, p50(name) / p50(`${name}, the vendor's SDKs`), 1.25)
      )
    }
  }
}
