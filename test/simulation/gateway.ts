/**
 * The gateway of a schedule: sockets of devices and of workers, groups, a way back to the backend, and all that a managed
 * service does wrong.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { GatewayClient, GatewayHandlers } from "../../src/client/GatewayClient.ts"
import type { Json } from "../../src/protocol/Json.ts"
import type { GatewayService } from "../../src/ports/Gateway.ts"
import { GatewayError, GatewayThrottled, GatewayUnavailable } from "../../src/ports/GatewayError.ts"
import type { Faults } from "./faults.ts"
import type { Io } from "./process.ts"
import type { Chance, Party, World } from "./world.ts"

interface Socket {
  readonly party: Party
  readonly user: string
  readonly groups: Set<string>
  readonly onFrame: (group: string, frame: string) => void
  readonly onCut: () => void
  state: "opening" | "open" | "half-open" | "closed"
}
export interface Hub {
  readonly gatewayFor: (io: Io) => GatewayService
  readonly clientFor: (party: Party, user: string) => GatewayClient
  /** Cuts or silences every socket of the party; all, if none is named. */
  readonly cut: (party: Party | undefined, how: "cut" | "half-open") => void
  /** Half-open sockets are closed by the network in the end. */
  readonly heal: () => void
}
/** Hands a call of the gateway to some process of the backend; answers JSON text. */
export type Upstream = (path: string, body: object, answer: (text: string) => void) => void

export const createHub = (world: World, faults: Faults, latency: Chance, upstream: Upstream): Hub => {
  const sockets = new Set<Socket>()
  const half = () => latency.between(0.5, 10)
  const close = (socket: Socket) => {
    if (!sockets.delete(socket)) return
    socket.state = "closed"
    world.after(socket.party, half(), socket.onCut)
  }
  const deliver = (socket: Socket, group: string, frame: string, millis: number) =>
    world.after(socket.party, millis, () => {
      if (socket.state === "open") socket.onFrame(group, frame)
    })
  const publish = (group: string, frame: string) => {
    for (const socket of sockets) {
      if (socket.state !== "open" || !socket.groups.has(group)) continue
      if (faults.strikes("gateway drops")) continue
      const slow = faults.strikes("gateway delays") ? latency.between(500, 8_000) : 0
      const late = faults.strikes("gateway reorders") ? latency.between(5, 200) : 0
      deliver(socket, group, frame, half() + slow + late)
      if (faults.strikes("gateway duplicates")) deliver(socket, group, frame, half() + latency.between(0, 3_000))
    }
  }
  const fails = (reason: GatewayError["reason"]) => Exit.fail(new GatewayError({ operation: "publish", reason }))

  return {
    gatewayFor: (io) => ({
      name: "simulated",
      capabilities: {
        maxFrameBytes: 16 * 1024,
        order: "none",
        delivery: "at-most-once",
        recovery: false,
        upstream: true,
        serverSubscribe: true,
        revoke: false,
        presence: false,
        manyGroups: true,
        auth: "token"
      },
      publish: (group, frame) =>
        io.call("gateway publish", (answer) => {
          const reply = (exit: Exit.Exit<void, GatewayError>) => answer(exit, half() * 2)
          const send = () => world.after(undefined, half(), () => publish(group, frame))
          if (faults.strikes("gateway throttles"))
            return reply(fails(new GatewayThrottled({ retryAfterMillis: latency.between(50, 3_000) })))
          if (faults.strikes("gateway unavailable")) return reply(fails(new GatewayUnavailable({ cause: "simulated" })))
          send()
          if (faults.strikes("gateway hangs")) return
          if (faults.strikes("gateway unavailable but sent"))
            return reply(fails(new GatewayUnavailable({ cause: "simulated" })))
          reply(Exit.void)
        }),
      grant: ({ groups, principal, ttlMillis }) =>
        Effect.succeed({
          url: "simulated:",
          token: JSON.stringify({ user: principal.id, groups }),
          expiresAt: world.now() + ttlMillis
        }),
      subscribe: (handlers) =>
        Effect.sync(() => {
          const open = (groups: Set<string>) => {
            const socket: Socket = {
              party: io.party,
              user: "",
              groups,
              onFrame: handlers.onFrame,
              onCut: () =>
                world.after(io.party, latency.between(50, 500), () => {
                  current = open(groups)
                  handlers.onReset()
                }),
              state: "open"
            }
            sockets.add(socket)
            return socket
          }
          let current = open(new Set())
          const change = (what: "add" | "delete", group: string) =>
            io.call<void, never>("gateway join", (answer) => {
              world.after(undefined, half(), () => {
                current.groups[what](group)
                answer(Exit.void, half())
              })
            })
          return { join: (group) => change("add", group), leave: (group) => change("delete", group) }
        }),
      upstream: (request, handle) =>
        Effect.flatMap(
          Effect.promise(
            () => request.json() as Promise<{ readonly user: string; readonly name: string; readonly data: Json }>
          ),
          ({ data, name, user }) =>
            Effect.map(
              handle({ type: "event", connection: user, principal: { id: user }, name, data }),
              (reply) => new Response(JSON.stringify(reply))
            )
        )
    }),
    clientFor: (party, user) => ({
      name: "simulated",
      connect: (grant, handlers: GatewayHandlers) => {
        const { groups } = JSON.parse(grant.token!) as { readonly groups: readonly string[] }
        let over = false
        const ended = (message: string) => {
          if (over) return
          over = true
          handlers.onClosed({ message })
        }
        const socket: Socket = {
          party,
          user,
          groups: new Set(groups),
          onFrame: (_, frame) => handlers.onFrame(frame),
          onCut: () => ended("cut"),
          state: "opening"
        }
        world.after(party, half() * 2, () => {
          if (over) return
          socket.state = "open"
          sockets.add(socket)
          handlers.onOpen()
        })
        return {
          ping: () => {
            if (socket.state === "open") world.after(party, half(), () => socket.state === "open" && handlers.onAlive())
          },
          close: () => {
            sockets.delete(socket)
            socket.state = "closed"
            ended("closed")
          },
          invoke: (name, data, { timeoutMillis }) =>
            new Promise((resolve, reject) => {
              world.after(party, timeoutMillis, () => reject(new Error("timeout")))
              if (socket.state !== "open" || faults.strikes("upstream missed")) return
              const send = () =>
                upstream("upstream/simulated", { user, name, data }, (text) => {
                  if (socket.state === "open") world.after(party, half(), () => resolve(JSON.parse(text)))
                })
              world.after(undefined, half(), send)
              if (faults.strikes("upstream twice")) world.after(undefined, latency.between(1, 1_000), send)
            })
        }
      }
    }),
    cut: (party, how) => {
      for (const socket of sockets) {
        if (party !== undefined && socket.party !== party) continue
        if (how === "cut") close(socket)
        else socket.state = "half-open"
      }
    },
    heal: () => {
      for (const socket of sockets) if (socket.state === "half-open") close(socket)
    }
  }
}
