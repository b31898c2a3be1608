/** Publishes texts at a pace, through the adapter or through the vendor's SDK alone; makes the grants of both. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { serve } from "throughline/node"
import { gatewayOf, type GatewaySettings } from "../../../examples/gateways/settings.ts"
import { Gateway, type GatewayService } from "../../../src/ports/Gateway.ts"
import { answer } from "../child.ts"
import { pace, type Load } from "../workload.ts"
import type { Bare } from "./bare/Bare.ts"

const nameOf = (run: number) => `bench-${run}`
let gateway: GatewayService | undefined
let send: ((group: string, text: string) => Promise<unknown>) | undefined

answer({
  /** Where the gateway may call back; nothing comes of it. */
  listen: async () =>
    (
      await serve(
        {
          fetch: (request) =>
            Effect.runPromise(
              gateway?.upstream?.(request, () => Effect.succeed(undefined)) ?? Effect.succeed(new Response(null))
            )
        },
        { port: 0 }
      )
    ).url,
  use: async ({ settings, isBare }: { readonly settings: GatewaySettings; readonly isBare: boolean }) => {
    const scope = await Effect.runPromise(Scope.make())
    const made = Context.get(await Effect.runPromise(Layer.buildWithScope(await gatewayOf(settings), scope)), Gateway)
    gateway = made
    if (isBare) {
      const { bare } = (await import(`./bare/${settings.name}.ts`)) as { readonly bare: Bare }
      send = await bare.publisher(settings)
    } else send = (group, text) => Effect.runPromise(made.publish(group, text))
  },
  grants: (runs: number) =>
    Promise.all(
      Array.from({ length: runs }, async (_, run) => {
        const group = nameOf(run)
        const grant = await Effect.runPromise(
          gateway!.grant({ principal: { id: `watcher-${run}` }, groups: [group], ttlMillis: 60_000 })
        )
        return {
          ...grant,
          gateway: gateway!.name,
          groups: { [group]: group },
          reconnectSpreadMillis: 0,
          upstream: false
        }
      })
    ),
  produce: (load: Load) => pace(load, (run, text) => send!(nameOf(run), text).then(() => {}))
})
