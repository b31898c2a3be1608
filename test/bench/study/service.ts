/**
 * A gateway of `examples/gateways` as a process of the bench. Its CPU is that of the whole tree: the real server is often a
 * process of its own.
 */
import { readdirSync, readFileSync } from "node:fs"
import type { LocalGateway, StartGateway } from "../../../examples/gateways/LocalGateway.ts"
import type { GatewayName } from "../../../examples/gateways/settings.ts"
import { answer } from "../child.ts"

/** Of Linux's clock ticks, whatever the kernel's own are. */
const TICK_MICROS = 10_000

/** User and system time of a process's descendants, as far as they live. */
const descendantsMicros = (of: number): number => {
  const children = new Map<number, { readonly pid: number; readonly ticks: number }[]>()
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue
    try {
      // the name, in brackets, may have spaces
      const fields = readFileSync(`/proc/${name}/stat`, "utf8")
        .replace(/^.*\) /s, "")
        .split(" ")
      const parent = Number(fields[1])
      const ticks = Number(fields[11]) + Number(fields[12])
      children.set(parent, [...(children.get(parent) ?? []), { pid: Number(name), ticks }])
    } catch {
      // ended meanwhile
    }
  }
  const below = (pid: number): number =>
    (children.get(pid) ?? []).reduce((sum, child) => sum + child.ticks + below(child.pid), 0)
  return below(of) * TICK_MICROS
}

let gateway: LocalGateway | undefined
answer({
  start: async ({ name, upstream }: { readonly name: GatewayName; readonly upstream: string }) => {
    const { start } = (await import(`../../../examples/gateways/${name}.ts`)) as { readonly start: StartGateway }
    gateway = await start({ upstream })
    // told by the command \`ready\`, where somebody asks
    gateway.ready?.catch(() => {})
    return gateway.settings
  },
  ready: async () => gateway?.ready,
  treeMicros: () => {
    const { system, user } = process.cpuUsage()
    return user + system + descendantsMicros(process.pid)
  },
  close: () => gateway?.close()
})
