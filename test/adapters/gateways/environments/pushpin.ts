/**
 * Pushpin: Debian's package in a folder of its own, its calls to a real server, and in front of it what a deployment
 * has: a proxy that authenticates publishing, which Pushpin does not, and a network that can be cut.
 */
import { spawn } from "node:child_process"
import { randomInt } from "node:crypto"
import { once } from "node:events"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import * as http from "node:http"
import * as net from "node:net"
import * as Effect from "effect/Effect"
import { jwtVerify } from "jose"
import { pushpinClient, type PushpinClientOptions } from "../../../../adapters/gateways/pushpin/client.ts"
import { pushpinGateway, type PushpinGatewayOptions } from "../../../../adapters/gateways/pushpin/server.ts"
import type { GatewayService } from "../../../../src/ports/Gateway.ts"
import { build, startBackend, type RunningEnv } from "./environment.ts"

const NEEDED = ["/usr/bin/pushpin", "/usr/bin/zurl", "/usr/bin/condure", "/usr/lib/pushpin/internal.conf"]
/** Why Pushpin cannot run here; `undefined` where it can. */
export const pushpinMissing: string | undefined = NEEDED.every((path) => existsSync(path))
  ? undefined
  : "needs Debian's packages pushpin, zurl and condure"

export const PUSHPIN_KEY = "a key of the tests, thirty-two characters long"
export const SIG_KEY = "pushpin signs its calls with this"
const CONTROL = { controlIss: "tests", controlKey: "the control address wants this key" }

export interface PushpinService {
  /** Where clients connect, through the network that can be cut. */
  readonly url: string
  /** Where frames are published, with authentication. */
  readonly controlUri: string
  /** `Authorization` of the publishes so far. */
  readonly authorizations: readonly (string | undefined)[]
  /** Destroys every socket between clients and Pushpin. */
  readonly cut: () => void
  readonly close: () => Promise<void>
}

/** `settings` of pushpin.conf; calls go to `origin`, `http://host:port`. */
export const startPushpinService = async (
  origin: string,
  settings: Readonly<Record<string, string | number>> = {}
): Promise<PushpinService> => {
  // unix sockets have short names
  const folder = mkdtempSync("/tmp/pp-")
  mkdirSync(`${folder}/run`)
  const [http_port, push_in_http_port, push, sub, command] = await freePorts(5)
  const all = {
    include: `${folder}/internal.conf`,
    rundir: `${folder}/run`,
    logdir: folder,
    // Debian's list lacks zurl, without which no origin is ever asked
    services: "condure,zurl,pushpin-proxy,pushpin-handler",
    http_port: `127.0.0.1:${http_port}`,
    push_in_http_port: push_in_http_port!,
    push_in_spec: `tcp://127.0.0.1:${push}`,
    push_in_sub_specs: `tcp://127.0.0.1:${sub}`,
    command_spec: `tcp://127.0.0.1:${command}`,
    sig_key: SIG_KEY,
    connection_subscription_max: 100,
    // how much may be on its way to a client; above it Pushpin drops frames
    client_buffer_size: 262_144,
    ...settings
  }
  let conf = readFileSync("/etc/pushpin/pushpin.conf", "utf8")
  for (const [name, value] of Object.entries(all))
    conf = conf.replace(new RegExp(`^${name}=.*$`, "m"), () => `${name}=${value}`)
  const internal = readFileSync("/usr/lib/pushpin/internal.conf", "utf8")
  writeFileSync(`${folder}/pushpin.conf`, conf)
  writeFileSync(`${folder}/internal.conf`, internal.replaceAll("/var/run/zurl/zurl-", "{rundir}/{ipc_prefix}zurl-"))
  writeFileSync(`${folder}/routes`, `*,path_beg=/upstream/pushpin ${new URL(origin).host},over_http\n`)

  const child = spawn("/usr/bin/pushpin", [`--config=${folder}/pushpin.conf`], { stdio: "ignore" })
  const exited = once(child, "exit")
  const control = await startControl(push_in_http_port!)
  const network = await startNetwork(http_port!)
  const close = async () => {
    child.kill()
    await Promise.all([exited, control.close(), network.close()])
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await answers(`http://127.0.0.1:${push_in_http_port}/`)
    // by the backend: until all of Pushpin's processes have found each other, calls are lost
    await answers(`http://127.0.0.1:${http_port}/upstream/pushpin`)
  } catch (cause) {
    await close()
    throw cause
  }
  return { ...network, controlUri: control.url, authorizations: control.authorizations, close }
}

/** Below those that systems give to outgoing connections, which would take them before Pushpin does. */
const freePorts = async (count: number): Promise<readonly number[]> => {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = randomInt(10_000, 32_000)
    const server = net.createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true))
    })
    if (!isFree) continue
    ports.add(port)
    await once(server.close(), "close")
  }
  return [...ports]
}
/** Whatever it says. */
const answers = async (url: string): Promise<void> => {
  for (const until = Date.now() + 15_000; ;) {
    const answered = await fetch(url, { signal: AbortSignal.timeout(2_000) }).then(
      ({ body }) => body?.cancel().then(() => true) ?? true,
      () => false
    )
    if (answered) return
    if (Date.now() > until) throw new Error(`Pushpin does not answer at ${url}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
/** Pushpin takes publishes from anyone who reaches its port; this takes them with a signed token. */
const startControl = async (port: number) => {
  const authorizations: (string | undefined)[] = []
  const key = new TextEncoder().encode(CONTROL.controlKey)
  const server = http.createServer(async (incoming, outgoing) => {
    const { authorization } = incoming.headers
    authorizations.push(authorization)
    const isAllowed = await jwtVerify(authorization?.slice("Bearer ".length) ?? "", key, {
      issuer: CONTROL.controlIss
    }).catch(() => false)
    if (!isAllowed) return void incoming.resume().on("end", () => outgoing.writeHead(401).end())
    const { headers, method, url: path } = incoming
    const onward = http.request({ host: "127.0.0.1", port, path, method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    onward.on("error", () => outgoing.destroy())
    incoming.pipe(onward)
  })
  await once(server.listen(0, "127.0.0.1"), "listening")
  return {
    url: `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    authorizations,
    close: async () => {
      const closed = once(server.close(), "close")
      server.closeAllConnections()
      await closed
    }
  }
}
const startNetwork = async (port: number) => {
  const sockets = new Set<net.Socket>()
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  const server = net.createServer((near) => {
    const far = net.connect(port, "127.0.0.1")
    for (const [one, other] of [
      [near, far],
      [far, near]
    ] as const) {
      sockets.add(one)
      one.setNoDelay(true)
      one.on("error", () => {}).on("close", () => (sockets.delete(one), other.destroy()))
      one.pipe(other)
    }
  })
  await once(server.listen(0, "127.0.0.1"), "listening")
  return {
    url: `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    cut,
    close: async () => {
      const closed = once(server.close(), "close")
      cut()
      await closed
    }
  }
}

export interface PushpinEnvOptions {
  /** Whom Pushpin calls. Default: a server of this environment that gives all to the gateway. */
  readonly origin?: string
  readonly conf?: Readonly<Record<string, string | number>>
  readonly gateway?: Partial<PushpinGatewayOptions>
  readonly client?: PushpinClientOptions
}
export const startPushpin = async (options: PushpinEnvOptions = {}): Promise<RunningEnv<PushpinService>> => {
  const backend = await startBackend()
  const service = await startPushpinService(options.origin ?? backend.url, options.conf)
  const common = { controlUri: service.controlUri, clientUrl: `${service.url}/upstream/pushpin`, maxGroups: 100 }
  const own = await build(
    pushpinGateway({ ...common, ...CONTROL, key: PUSHPIN_KEY, sigKey: SIG_KEY, ...options.gateway })
  )
  const another = "another".repeat(6)
  const foreign = await build(
    pushpinGateway({ ...common, controlIss: "tests", controlKey: another, key: another, sigKey: another })
  )
  backend.serve(own.gateway)
  for (let tries = 0; options.origin === undefined && tries < 5; tries++) if (await holdsStream(own.gateway)) break
  return {
    service,
    gateway: own.gateway,
    foreign: foreign.gateway,
    client: pushpinClient(options.client),
    onUpstream: backend.onUpstream,
    calls: backend.calls,
    cut: service.cut,
    close: async () => {
      await Promise.all([own.close(), foreign.close()])
      await service.close()
      await backend.close()
    }
  }
}
/** Whether a stream brings a frame: a fresh Pushpin may drop the first ones that it holds. */
const holdsStream = async (gateway: GatewayService): Promise<boolean> => {
  const grant = { principal: { id: "first" }, groups: ["first"], ttlMillis: 60_000 }
  const { expiresAt, ...granted } = await Effect.runPromise(gateway.grant(grant))
  return new Promise((resolve) => {
    const at = { gateway: "pushpin", groups: {}, expiresAt: "", reconnectSpreadMillis: 0, upstream: false }
    const connection = pushpinClient({ transport: "sse" }).connect(
      { ...at, ...granted },
      {
        onOpen: () => void Effect.runPromise(gateway.publish("first", "{}")),
        onFrame: () => (resolve(true), connection.close()),
        onInterrupted: () => {},
        onAlive: () => {},
        onClosed: () => resolve(false)
      }
    )
  })
}
/** Over streams: what a client can do then, which is all but to send. */
export const startPushpinSse = async (options: PushpinEnvOptions = {}): Promise<RunningEnv<PushpinService>> => {
  const env = await startPushpin({ ...options, client: { transport: "sse" } })
  const { upstream: _, ...gateway } = env.gateway
  return { ...env, gateway: { ...gateway, capabilities: { ...gateway.capabilities, upstream: false } } }
}
