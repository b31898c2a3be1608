/** The cases are worth something only if they fail: each gateway here is broken in one way, and some case must say so. */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { describe, expect, it } from "vitest"
import type { GatewayClient } from "../../src/client/GatewayClient.ts"
import { appliesTo, GatewayCaseFailed, type GatewayEnv } from "../../src/conformance/gatewayCase.ts"
import { gatewayCases } from "../../src/conformance/gatewayCases.ts"
import type { GatewayService } from "../../src/ports/Gateway.ts"
import { GatewayError } from "../../src/ports/GatewayError.ts"
import { startWs } from "../adapters/gateways/environments/ws.ts"

/** A working gateway, and ways to break it. */
const breakable = (env: GatewayEnv) => ({
  env,
  /** The groups that any grant named. */
  everyGroup: new Set<string>(),
  server: (change: (gateway: GatewayService) => Partial<GatewayService>) => ({
    gateway: { ...env.gateway, ...change(env.gateway) }
  }),
  /** A client whose handlers, or whose connection, are changed on the way. */
  client: (change: (connect: GatewayClient["connect"]) => GatewayClient["connect"]) => ({
    client: { ...env.client, connect: change(env.client.connect) }
  })
})
type Breakable = ReturnType<typeof breakable>

/** Names of the cases, among those whose name fits, that fail. */
const failing = async (env: GatewayEnv, among: RegExp): Promise<string[]> => {
  const failed: string[] = []
  const cases = gatewayCases.filter(
    (one) => among.test(one.name) && appliesTo(one, { capabilities: env.gateway.capabilities, canCut: true })
  )
  expect(cases.length).toBeGreaterThan(0)
  for (const { name, run } of cases) {
    await run(env).catch((cause: unknown) => {
      // A mistake in the test itself must not count.
      if (!(cause instanceof GatewayCaseFailed || cause instanceof GatewayError)) throw cause
      failed.push(name)
    })
  }
  return failed
}

const broken: readonly (readonly [what: string, change: (working: Breakable) => Partial<GatewayEnv>, among: RegExp])[] =
  [
    [
      "loses one frame in ten",
      ({ server }) => {
        let count = 0
        return server(({ publish }) => ({
          publish: (group, frame) => (++count % 10 === 0 ? Effect.void : publish(group, frame))
        }))
      },
      /awaited frames/
    ],
    [
      "answers before it has sent, and sends later frames first",
      ({ server }) =>
        server(({ publish }) => ({
          publish: (group, frame) =>
            Effect.asVoid(
              Effect.forkDetach(Effect.andThen(Effect.sleep(Math.random() * 20), Effect.ignore(publish(group, frame))))
            )
        })),
      /awaited frames/
    ],
    [
      "sends to every group",
      ({ server, everyGroup }) =>
        server(({ publish }) => ({
          publish: (group, frame) =>
            Effect.andThen(publish(group, frame), () =>
              Effect.forEach([...everyGroup], (other) => publish(other, frame), { discard: true })
            )
        })),
      /no one else|no other/
    ],
    [
      "sends each frame twice",
      ({ server }) =>
        server(({ publish }) => ({
          publish: (group, frame) => Effect.andThen(publish(group, frame), publish(group, frame))
        })),
      /each frame once/
    ],
    [
      "drops what is too large without a word",
      ({ server }) => server(({ publish }) => ({ publish: (group, frame) => Effect.ignore(publish(group, frame)) })),
      /FrameTooLarge/
    ],
    [
      "counts characters instead of bytes",
      ({ server }) =>
        server(({ publish, capabilities }) => ({
          publish: (group, frame) =>
            frame.length <= capabilities.maxFrameBytes ? Effect.ignore(publish(group, frame)) : publish(group, frame)
        })),
      /UTF-8 bytes/
    ],
    [
      "claims more than it carries",
      ({ server }) =>
        server(({ capabilities }) => ({
          capabilities: { ...capabilities, maxFrameBytes: capabilities.maxFrameBytes * 2 }
        })),
      /exactly maxFrameBytes/
    ],
    [
      "passes frames through a parser",
      ({ server }) =>
        server(({ publish }) => ({ publish: (group, frame) => publish(group, JSON.stringify(JSON.parse(frame))) })),
      /character for character/
    ],
    [
      "speaks Latin-1",
      ({ server }) =>
        server(({ publish }) => ({
          publish: (group, frame) => publish(group, Buffer.from(frame, "latin1").toString("latin1"))
        })),
      /character for character/
    ],
    [
      "grants what was granted before as well",
      ({ server }) => {
        const granted = new Map<string, string[]>()
        return server(({ grant }) => ({
          grant: (options) => {
            const all = [...(granted.get(options.principal.id) ?? []), ...options.groups]
            granted.set(options.principal.id, all)
            return grant({ ...options, groups: all })
          }
        }))
      },
      /its own groups/
    ],
    [
      "grants for longer than it was asked",
      ({ server }) => server(({ grant }) => ({ grant: (options) => grant({ ...options, ttlMillis: 60_000 }) })),
      /when it expires/
    ],
    ["takes any key", ({ env }) => ({ foreign: env.gateway }), /somebody else's key/],
    ["revokes nothing", ({ server }) => server(() => ({ revoke: () => Effect.void })), /after a revoke/],
    [
      "revokes everyone",
      ({ server }) => {
        const gone = new Set<string>()
        return server(({ publish }) => ({
          revoke: (_principal, group) => Effect.sync(() => void gone.add(group)),
          publish: (group, frame) => (gone.has(group) ? Effect.void : publish(group, frame))
        }))
      },
      /after a revoke/
    ],
    [
      "claims a way back that it has not",
      ({ server }) => server(({ capabilities }) => ({ capabilities: { ...capabilities, upstream: false } })),
      /claimed/
    ],
    ["has no revoke but claims it", ({ env }) => ({ gateway: without(env.gateway, "revoke") }), /claimed/],
    ["cannot listen but claims it", ({ env }) => ({ gateway: without(env.gateway, "subscribe") }), /claimed/],
    [
      "hands on every call unverified",
      ({ server }) =>
        server(() => ({
          upstream: (request, handle) =>
            Effect.promise(() => request.text()).pipe(
              Effect.flatMap((body) => handle(JSON.parse(body))),
              Effect.map((reply) => Response.json(reply ?? null)),
              Effect.orDie
            )
        })),
      /does not prove/
    ],
    [
      "tells a server of no reset",
      ({ server }) =>
        server(({ subscribe }) => ({ subscribe: (handlers) => subscribe!({ ...handlers, onReset: () => {} }) })),
      /told of the reset/
    ],
    [
      "joins nothing",
      ({ server }) =>
        server(({ subscribe }) => ({
          subscribe: (handlers) => Effect.map(subscribe!(handlers), (inbox) => ({ ...inbox, join: () => Effect.void }))
        })),
      /hears the groups/
    ],
    [
      "leaves nothing",
      ({ server }) =>
        server(({ subscribe }) => ({
          subscribe: (handlers) => Effect.map(subscribe!(handlers), (inbox) => ({ ...inbox, leave: () => Effect.void }))
        })),
      /hears the groups/
    ],
    [
      "goes on after its scope closed",
      ({ server }) =>
        server(({ subscribe }) => ({
          subscribe: (handlers) => Effect.provideService(subscribe!(handlers), Scope.Scope, Scope.makeUnsafe())
        })),
      /when its scope closes/
    ],
    [
      "reports the end twice",
      ({ client }) =>
        client(
          (connect) => (grant, handlers) =>
            connect(grant, {
              ...handlers,
              onClosed: (reason) => (handlers.onClosed(reason), handlers.onClosed(reason))
            })
        ),
      /reported once/
    ],
    [
      "never reports the end",
      ({ client }) => client((connect) => (grant, handlers) => connect(grant, { ...handlers, onClosed: () => {} })),
      /close ends/
    ],
    [
      "opens after it was closed",
      ({ client }) =>
        client((connect) => (grant, handlers) => ({
          ...connect(grant, handlers),
          close: () => handlers.onClosed({ message: "closed" })
        })),
      /close before|close ends/
    ],
    [
      "gives no sign of life",
      ({ client }) => client((connect) => (grant, handlers) => connect(grant, { ...handlers, onAlive: () => {} })),
      /sign of life/
    ],
    [
      "says that it invoked when it did not",
      ({ client }) =>
        client((connect) => (grant, handlers) => ({
          ...connect(grant, handlers),
          invoke: () => Promise.resolve({ ok: true })
        })),
      /an invoke (reaches|rejects)/
    ],
    [
      "mixes up principals",
      ({ server }) => server(({ grant }) => ({ grant: (options) => grant({ ...options, principal: { id: "same" } }) })),
      /own principal/
    ],
    [
      "loses claims",
      ({ server }) =>
        server(({ grant }) => ({ grant: (options) => grant({ ...options, principal: { id: options.principal.id } }) })),
      /principal of the grant/
    ]
  ]
const without = (gateway: GatewayService, part: "revoke" | "subscribe"): GatewayService => {
  const { [part]: _, ...rest } = gateway
  return rest
}

describe.concurrent("a gateway that", () => {
  it.each(broken)("%s fails at least one case", async (_what, change, among) => {
    const running = await startWs()
    const working = breakable(running)
    const { gateway = running.gateway, ...rest } = change(working)
    const remembering: GatewayService = {
      ...gateway,
      grant: (options) => {
        for (const group of options.groups) working.everyGroup.add(group)
        return gateway.grant(options)
      }
    }
    expect(await failing({ ...running, ...rest, gateway: remembering }, among)).not.toEqual([])
    await running.close()
  })

  it("claims less passes every case that is left", async () => {
    const running = await startWs()
    const { revoke: _revoke, subscribe: _subscribe, upstream: _upstream, ...rest } = running.gateway
    const claimed = {
      ...rest.capabilities,
      revoke: false,
      serverSubscribe: false,
      upstream: false,
      manyGroups: false,
      order: "none" as const
    }
    expect(await failing({ ...running, gateway: { ...rest, capabilities: claimed } }, /./)).toEqual([])
    await running.close()
  })
})
