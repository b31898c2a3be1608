/**
 * A whole system as processes: a gateway, a server, workers, and a store that they share. Each can be killed and comes
 * back where it was, under the same address and with the same keys.
 */
import { randomBytes } from "node:crypto"
import { existsSync, mkdtempSync, readFileSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { ThreadLogService } from "../../src/ports/ThreadLog.ts"
import type { Effect } from "./agents.ts"
import { HUB, type BackendSettings, type GatewaySettings } from "./settings.ts"
import { freePort, start, type Program, type Running } from "./process.ts"
import type { Programs } from "./programs.ts"
import type { Store } from "./store.ts"

/** A place for one process after the other. */
export interface Place {
  readonly name: string
  readonly process: () => Running
  /** SIGKILL, and another in its place; resolves when that is ready. */
  readonly restart: (program?: Program) => Promise<void>
  /** Milliseconds that it took to be ready again, of each restart. */
  readonly restarts: number[]
}
export interface World {
  readonly endpoint: string
  readonly gateway: Place
  readonly server: Place
  readonly workers: readonly Place[]
  readonly store: Store
  readonly log: ThreadLogService
  /** What agents noted so far, oldest first. */
  readonly effects: () => readonly Effect[]
  /** Of another server or worker, of another release too. */
  readonly program: (settings: Pick<BackendSettings, "role" | "port">, programs?: Programs) => Program
  readonly close: () => Promise<void>
}

export const openPlace = async (name: string, first: Program): Promise<Place> => {
  let program = first
  let process = start(program)
  const restarts: number[] = []
  await process.ready
  return {
    name,
    restarts,
    process: () => process,
    restart: async (next = program) => {
      program = next
      const begun = performance.now()
      await process.kill()
      process = start(program)
      await process.ready
      restarts.push(performance.now() - begun)
    }
  }
}

export const openWorld = async (options: {
  readonly programs: Programs
  readonly gateway: GatewaySettings["kind"]
  readonly store: Store
  readonly workers: number
  readonly reconnectSpreadMillis?: number
  /** Port of a router in front of the server, which clients and the gateway shall call instead. */
  readonly routerPort?: number
}): Promise<World> => {
  const { programs, store } = options
  const folder = mkdtempSync(join(tmpdir(), "throughline-world-"))
  const effects = join(folder, "effects")
  const [gatewayPort, serverPort] = [await freePort(), await freePort()]
  const endpoint = `http://127.0.0.1:${options.routerPort ?? serverPort}`
  const gateway = gatewayPrograms(options.gateway, programs, gatewayPort, `${endpoint}/upstream/${options.gateway}`)

  const program: World["program"] = (own, from = programs) => ({
    file: from.backend,
    args: [
      JSON.stringify({
        ...own,
        store: store.settings,
        gateway: gateway.settings,
        effects,
        ...(options.reconnectSpreadMillis === undefined ? {} : { reconnectSpreadMillis: options.reconnectSpreadMillis })
      } satisfies BackendSettings)
    ]
  })
  const places: Place[] = []
  const open = async (name: string, first: Program) => {
    const place = await openPlace(name, first)
    places.push(place)
    return place
  }
  const close = async () => {
    await Promise.all(places.map((place) => place.process().kill()))
    await store.close()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const gatewayPlace = await open("gateway", gateway.program)
    const server = await open("server", program({ role: "server", port: serverPort }))
    const workers: Place[] = []
    for (let n = 1; n <= options.workers; n++) workers.push(await open(`worker ${n}`, program({ role: "worker" })))
    return {
      endpoint,
      gateway: gatewayPlace,
      server,
      workers,
      store,
      log: store.log,
      effects: () =>
        existsSync(effects)
          ? readFileSync(effects, "utf8")
              .split("\n")
              .filter((line) => line !== "")
              .map((line) => JSON.parse(line) as Effect)
          : [],
      program,
      close
    }
  } catch (error) {
    await close()
    throw error
  }
}

const secret = () => randomBytes(32).toString("base64url")

const gatewayPrograms = (
  kind: GatewaySettings["kind"],
  programs: Programs,
  port: number,
  upstream: string
): { readonly program: Program; readonly settings: GatewaySettings } => {
  const key = secret()
  if (kind === "ws")
    return {
      program: {
        file: programs.wsGateway,
        args: ["--port", `${port}`, "--upstream", upstream],
        env: { THROUGHLINE_WS_KEY: key }
      },
      settings: { kind, url: `http://127.0.0.1:${port}`, key }
    }
  const upstreamKey = secret()
  const handler = ["--event-handler", `${HUB}=${upstream}?code=${upstreamKey}`, "--system-events", "connect"]
  return {
    program: {
      file: programs.emulator,
      args: ["--with-parent", "--port", `${port}`, `--access-key=${key}`, ...handler]
    },
    settings: {
      kind,
      connectionString: `Endpoint=http://127.0.0.1;Port=${port};AccessKey=${key};Version=1.0;`,
      upstreamKey
    }
  }
}
