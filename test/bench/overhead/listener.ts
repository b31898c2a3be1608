/** Hears the texts of each group on a connection of its own, by the adapter's client or by the vendor's alone. */
import { gatewayClients } from "../../../examples/gateways/clients.ts"
import type { Grant } from "../../../src/protocol/Exchange.ts"
import { answer } from "../child.ts"
import { watchers, type Expected } from "../workload.ts"
import type { Bare } from "./bare/Bare.ts"

let watching: ReturnType<typeof watchers> | undefined

const listen = (grant: Grant, onText: (text: string) => void) =>
  new Promise<void>((resolve, reject) => {
    const client = gatewayClients().find(({ name }) => name === grant.gateway)
    if (client === undefined) throw new Error(`no client for ${grant.gateway}`)
    client.connect(grant, {
      onOpen: resolve,
      onFrame: onText,
      onAlive: () => {},
      onInterrupted: () => {},
      onClosed: ({ message }) => reject(new Error(message))
    })
  })
answer({
  watch: async ({ grants, isBare }: { readonly grants: readonly Grant[]; readonly isBare: boolean }) => {
    const all = watchers(grants.length)
    watching = all
    for (const [run, grant] of grants.entries()) {
      const group = Object.values(grant.groups)[0]!
      if (isBare) {
        const { bare } = (await import(`./bare/${grant.gateway}.ts`)) as { readonly bare: Bare }
        await bare.listen(grant, group, (text) => all.append(run, text))
      } else await listen(grant, (text) => all.append(run, text))
    }
  },
  seen: (expected: Expected) => watching?.seen(expected)
})
