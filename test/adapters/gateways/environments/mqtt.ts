/** Mosquitto with its dynamic security plugin, set up as the README says, and a bridge in this process. */
import { execFile, spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { promisify } from "node:util"
import { startMqttBridge } from "../../../../adapters/gateways/mqtt/bridge.ts"
import { mqttClient } from "../../../../adapters/gateways/mqtt/client.ts"
import {
  mqttGateway,
  type MqttCredentials,
  type MqttGatewayOptions
} from "../../../../adapters/gateways/mqtt/server.ts"
import { build, startBackend, type RunningEnv } from "./environment.ts"

export const MQTT_KEY = "the mqtt key of the tests, thirty-two characters"
export const PASSWORDS = { admin: "admin-password", backend: "backend-password", bridge: "bridge-password" }
const BROKER = "/usr/sbin/mosquitto"
const CONTROL = "/usr/bin/mosquitto_ctrl"
const PLUGIN = "/usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so"

export const mosquittoMissing: string | undefined = [BROKER, CONTROL, PLUGIN].every((file) => fs.existsSync(file))
  ? undefined
  : "mosquitto with its dynamic security plugin is not installed: apt-get install mosquitto"

export interface Mosquitto {
  /** Straight to the broker; `mqtt` and `ws` go through a proxy that `cut` cuts. */
  readonly direct: string
  readonly mqtt: string
  readonly ws: string
  /** Runs `mosquitto_ctrl … dynsec` as the administrator. */
  readonly dynsec: (...command: string[]) => Promise<string>
  readonly cut: () => void
  /** Ends the broker, as a crash would. */
  readonly kill: () => Promise<void>
  readonly close: () => Promise<void>
}
/** `settings` are further lines of its configuration. */
export const startMosquitto = async (settings: readonly string[] = []): Promise<Mosquitto> => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "throughline-mqtt-"))
  const [mqttPort, wsPort] = [await freePort(), await freePort()]
  const state = path.join(folder, "dynamic-security.json")
  const run = promisify(execFile)
  await run(CONTROL, ["dynsec", "init", state, "admin", PASSWORDS.admin])
  const config = path.join(folder, "mosquitto.conf")
  fs.writeFileSync(
    config,
    [
      `listener ${mqttPort} 127.0.0.1`,
      `listener ${wsPort} 127.0.0.1`,
      "protocol websockets",
      "allow_anonymous false",
      "set_tcp_nodelay true",
      "retain_available false",
      "persistent_client_expiration 1h",
      `plugin ${PLUGIN}`,
      `plugin_opt_config_file ${state}`,
      // who is root stays root, and can read the folder
      ...(process.getuid?.() === 0 ? ["user root"] : []),
      "log_type none",
      ...settings,
      ""
    ].join("\n")
  )
  const broker = spawn(BROKER, ["-c", config], { stdio: "ignore" })
  const gone = once(broker, "exit")
  const proxies = [await startProxy(mqttPort), await startProxy(wsPort)]
  const dynsec = async (...command: string[]) => {
    const login = ["-h", "127.0.0.1", "-p", String(mqttPort), "-u", "admin", "-P", PASSWORDS.admin]
    const { stdout } = await run(CONTROL, [...login, "dynsec", ...command])
    return stdout
  }
  const kill = async () => {
    broker.kill("SIGKILL")
    await gone
  }
  const close = async () => {
    await kill()
    for (const proxy of proxies) proxy.close()
    fs.rmSync(folder, { recursive: true })
  }
  try {
    await Promise.all([accepts(mqttPort), accepts(wsPort)])
    for (const command of SET_UP) await dynsec(...command)
  } catch (cause) {
    await close()
    throw cause
  }
  return {
    direct: `mqtt://127.0.0.1:${mqttPort}`,
    mqtt: `mqtt://127.0.0.1:${proxies[0]!.port}`,
    ws: `ws://127.0.0.1:${proxies[1]!.port}`,
    dynsec,
    cut: () => {
      for (const proxy of proxies) proxy.cut()
    },
    kill,
    close
  }
}
/** As in the adapter's README. */
const SET_UP: readonly (readonly string[])[] = [
  ["setDefaultACLAccess", "publishClientReceive", "deny"],
  ["createRole", "throughline-backend"],
  ["addRoleACL", "throughline-backend", "publishClientSend", "throughline/g/+", "allow"],
  ["addRoleACL", "throughline-backend", "subscribePattern", "throughline/g/+", "allow"],
  ["addRoleACL", "throughline-backend", "publishClientReceive", "throughline/g/+", "allow"],
  ["addRoleACL", "throughline-backend", "publishClientSend", "$CONTROL/dynamic-security/v1", "allow"],
  ["addRoleACL", "throughline-backend", "subscribePattern", "$CONTROL/dynamic-security/v1/response", "allow"],
  ["addRoleACL", "throughline-backend", "publishClientReceive", "$CONTROL/dynamic-security/v1/response", "allow"],
  ["createClient", "throughline-backend", "-p", PASSWORDS.backend],
  ["addClientRole", "throughline-backend", "throughline-backend"],
  ["createRole", "throughline-bridge"],
  ["addRoleACL", "throughline-bridge", "subscribeLiteral", "$share/throughline/throughline/up/+/+", "allow"],
  ["addRoleACL", "throughline-bridge", "publishClientReceive", "throughline/up/+/+", "allow"],
  ["addRoleACL", "throughline-bridge", "publishClientSend", "throughline/down/+", "allow"],
  ["createClient", "throughline-bridge", "-p", PASSWORDS.bridge],
  ["addClientRole", "throughline-bridge", "throughline-bridge"]
]

const freePort = async (): Promise<number> => {
  const server = net.createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as net.AddressInfo
  server.close()
  await once(server, "close")
  return port
}
/** Resolves when something listens there. */
const accepts = async (port: number): Promise<void> => {
  const until = Date.now() + 10_000
  for (;;) {
    const socket = net.connect(port, "127.0.0.1")
    const isThere = await new Promise<boolean>((resolve) =>
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false))
    )
    socket.destroy()
    if (isThere) return
    if (Date.now() > until) throw new Error(`mosquitto does not listen on ${port}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
const startProxy = async (target: number) => {
  const sockets = new Set<net.Socket>()
  const server = net.createServer((near) => {
    const far = net.connect(target, "127.0.0.1")
    near.setNoDelay(true).pipe(far)
    far.setNoDelay(true).pipe(near)
    for (const [socket, other] of [
      [near, far],
      [far, near]
    ] as const) {
      sockets.add(socket)
      socket.on("error", () => {})
      socket.on("close", () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: (server.address() as net.AddressInfo).port,
    cut,
    close: () => {
      cut()
      server.close()
    }
  }
}

export const startMqtt = async (
  options: Partial<MqttGatewayOptions> = {},
  { bridged = true, settings = [] }: { readonly bridged?: boolean; readonly settings?: readonly string[] } = {}
): Promise<RunningEnv<Mosquitto>> => {
  const closers: (() => unknown)[] = []
  const close = async () => {
    for (const one of closers.splice(0).reverse()) await one()
  }
  const service = await startMosquitto(settings)
  closers.push(service.close)
  try {
    const backend = await startBackend()
    closers.push(backend.close)
    const common = { url: service.mqtt, clientUrl: service.ws, username: "throughline-backend" }
    const own = await build(mqttGateway({ ...common, password: PASSWORDS.backend, key: MQTT_KEY, ...options }))
    // a stranger is no user of the plugin, so it grants what it makes up
    const credentials: MqttCredentials = async ({ clientId }) => ({ username: clientId, password: "made up" })
    const foreign = await build(mqttGateway({ ...common, password: "wrong", key: "another".repeat(6), credentials }))
    closers.push(own.close, foreign.close)
    backend.serve(own.gateway)
    if (bridged) {
      const bridge = await startMqttBridge({
        url: service.direct,
        username: "throughline-bridge",
        password: PASSWORDS.bridge,
        key: MQTT_KEY,
        upstream: `${backend.url}/upstream/mqtt`
      })
      closers.push(bridge.close)
    }
    return {
      service,
      gateway: own.gateway,
      foreign: foreign.gateway,
      client: mqttClient(),
      onUpstream: backend.onUpstream,
      calls: backend.calls,
      cut: service.cut,
      close
    }
  } catch (cause) {
    await close()
    throw cause
  }
}
