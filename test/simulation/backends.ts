/** The processes of a schedule, and the network through which devices and the gateway reach those that answer requests. */
import type { Agent } from "../../src/agent/defineAgent.ts"
import type { SideEffect } from "../../src/conformance/historyRecords.ts"
import type { Faults } from "./faults.ts"
import { PROCESSES } from "./plan.ts"
import { startProcess, type Ports, type Process } from "./process.ts"
import type { Chance, World } from "./world.ts"

/** A request without its weight: what the handler reads of one. */
export interface LightRequest {
  readonly method: string
  readonly path: string
  readonly user: string
  readonly body: string | undefined
}
export interface LightAnswer {
  readonly status: number
  readonly text: string
  readonly retryAfter: string | null
}
export interface Backends {
  /** `undefined`: the connection was reset. May never answer. */
  readonly request: (request: LightRequest, answer: (answer: LightAnswer | undefined) => void) => void
  readonly freeze: (index: number, millis: number) => void
  readonly kill: (index: number) => void
  /** Kills it at its n-th question from now on, before or after that was sent. */
  readonly killAt: (index: number, calls: number, when: "before" | "after") => void
  readonly jump: (index: number, millis: number) => void
  /** Everyone goes on, and nobody is killed any more. */
  readonly heal: () => void
}
/** Those that answer requests, and those that work through the queue. */
const SERVERS = [0, 1]
const WORKERS = [1, 2]

export const startBackends = (options: {
  readonly world: World
  readonly faults: Faults
  readonly latency: Chance
  readonly ports: Ports
  readonly agents: readonly Agent[]
  readonly skews: readonly number[]
  readonly didRun: (effect: Omit<SideEffect, "thread" | "head">) => void
}): Backends => {
  const { agents, didRun, faults, latency, ports, skews, world } = options
  interface Slot {
    process: Process
    skewMillis: number
    generation: number
    killAt: { calls: number; readonly when: "before" | "after" } | undefined
  }
  const start = (index: number, slot: Omit<Slot, "process">): Process => {
    const process = startProcess({
      world,
      name: `p${index}${"abcdefghijklmnopqrstuvwxyz"[slot.generation % 26]}`,
      agents,
      ports,
      skewMillis: () => slot.skewMillis,
      boundary: (asking, when) => {
        const { killAt } = slot
        if (killAt === undefined || killAt.when !== when || --killAt.calls > 0) return
        slot.killAt = undefined
        if (asking.party.state === "dead") return
        faults.count("process killed at an I/O boundary")
        kill(index)
      },
      didRun
    })
    if (WORKERS.includes(index)) process.fork(process.backend.consume({ concurrency: 2 }))
    return process
  }
  const slots: Slot[] = Array.from({ length: PROCESSES }, (_, index) => {
    const slot = { skewMillis: skews[index] ?? 0, generation: 0, killAt: undefined }
    return Object.assign(slot, { process: start(index, slot) })
  })
  const kill = (index: number) => {
    const slot = slots[index]!
    const { party, onKill } = slot.process
    if (party.state === "dead") return
    world.trace?.(`${party.name} is killed`)
    world.kill(party)
    for (const lost of onKill) lost()
    world.after(undefined, latency.between(20, 2_000), () => {
      slot.generation++
      slot.process = start(index, slot)
      world.trace?.(`${slot.process.party.name} begins`)
    })
  }
  const request: Backends["request"] = ({ body, method, path, user }, answer) => {
    const alive = SERVERS.map((index) => slots[index]!.process).filter(({ party }) => party.state !== "dead")
    if (alive.length === 0) return void world.after(undefined, 5, () => answer(undefined))
    const { backend, fork, onKill, party } = latency.pick(alive)
    const reset = () => {
      world.after(undefined, 1, () => answer(undefined))
    }
    onKill.add(reset)
    world.after(party, 0, () => {
      const incoming = {
        url: `http://simulated/${path}`,
        method,
        headers: { get: (name: string) => headerOf(name, user, body) },
        body: body === undefined ? undefined : { getReader: () => readerOf(body) },
        json: async () => JSON.parse(body ?? "null") as unknown
      }
      fork(backend.handle(incoming as unknown as Request), (exit) => {
        onKill.delete(reset)
        if (exit._tag === "Failure" || party.state === "dead") return
        const { headers, status, body: text } = exit.value as unknown as Response & { readonly body: string }
        answer({ status, text, retryAfter: headers.get("retry-after") })
      })
    })
  }
  return {
    request,
    kill: (index) => {
      if (slots[index]!.process.party.state !== "dead") faults.count("process killed")
      kill(index)
    },
    killAt: (index, calls, when) => {
      slots[index]!.killAt = { calls, when }
    },
    freeze: (index, millis) => {
      const { party } = slots[index]!.process
      if (party.state !== "up") return
      faults.count("process frozen")
      world.trace?.(`${party.name} freezes for ${millis} ms`)
      world.freeze(party)
      world.after(undefined, millis, () => world.thaw(party))
    },
    jump: (index, millis) => {
      faults.count("clock jumps")
      slots[index]!.skewMillis += millis
    },
    heal: () => {
      for (const slot of slots) {
        slot.killAt = undefined
        world.thaw(slot.process.party)
      }
    }
  }
}

const headerOf = (name: string, user: string, body: string | undefined): string | null =>
  name === "authorization"
    ? `Bearer ${user}`
    : name === "content-type" && body !== undefined
      ? "application/json"
      : null
const readerOf = (body: string) => {
  let read = false
  return {
    read: async () => {
      if (read) return { done: true, value: undefined }
      read = true
      return { done: false, value: Buffer.from(body) }
    },
    cancel: async () => {}
  }
}
