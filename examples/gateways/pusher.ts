/** Pusher Channels, by soketi, a server with the same protocol; it needs a Node of its own. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { cuttable } from "./cuttable.ts"
import type { StartGateway } from "./LocalGateway.ts"
import { freePorts } from "./ports.ts"

export const APP = { appId: "app", key: "app-key", secret: "the-secret-of-the-app" }
/** An app of the same server that takes one event a second. */
export const SLOW_APP = { appId: "slow", key: "slow-key", secret: "the-secret-of-the-slow-app" }

const EMULATORS = join(import.meta.dirname, "../../test/emulators")
const NODE = join(EMULATORS, "node_modules/node/bin/node")
const SOKETI = join(EMULATORS, "node_modules/@soketi/soketi/bin/server.js")

/** A sentence where soketi is not on this machine. */
export const soketiIsMissing: string | undefined = [NODE, SOKETI].every(existsSync)
  ? undefined
  : "soketi is not installed: npm ci --prefix test/emulators"

/** Clients come through a way that can be cut. Rejects where it is not installed. */
export const startSoketi = async (webhookUrl: string) => {
  if (soketiIsMissing !== undefined) throw new Error(soketiIsMissing)
  const [port, metricsPort, discoveryPort] = await freePorts(3)
  const webhooks = [{ url: webhookUrl, event_types: ["client_event", "channel_occupied", "channel_vacated"] }]
  const app = ({ appId: id, ...rest }: typeof APP) => ({
    id,
    ...rest,
    enableClientMessages: true,
    maxEventPayloadInKb: 10
  })
  const folder = await mkdtemp(join(tmpdir(), "throughline-soketi-"))
  const config = join(folder, "soketi.json")
  await writeFile(
    config,
    JSON.stringify({
      host: "127.0.0.1",
      port,
      // without metrics it listens on a port of its own choice, on all interfaces
      metrics: {
        enabled: true,
        driver: "prometheus",
        host: "127.0.0.1",
        port: metricsPort,
        prometheus: { prefix: "soketi_" }
      },
      // it looks for others of its kind, by default as a broadcast
      "cluster.address": "127.0.0.1",
      "cluster.unicast": "127.0.0.1",
      "cluster.port": discoveryPort,
      "appManager.array.apps": [
        { ...app(APP), maxClientEventsPerSecond: 10, webhooks },
        { ...app(SLOW_APP), maxBackendEventsPerSecond: 1 }
      ]
    })
  )
  const child = spawn(NODE, ["-r", join(EMULATORS, "soketi-shim.cjs"), SOKETI, "start", `--config=${config}`], {
    cwd: folder,
    env: { ...process.env, AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE: "1" },
    stdio: ["pipe", "pipe", "inherit"]
  })
  const ended = once(child, "exit")
  await new Promise<void>((resolve, reject) => {
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      if (text.includes("Server is up and running")) resolve()
    })
    void ended.then(() => reject(new Error("soketi did not start")))
  })
  const way = await cuttable(port!)
  return {
    restUrl: `http://127.0.0.1:${port}`,
    clientUrl: `ws://127.0.0.1:${way.port}`,
    cut: way.cut,
    close: async () => {
      way.close()
      // it holds nothing; asked politely it waits for its clients
      child.kill("SIGKILL")
      await ended
      await rm(folder, { recursive: true })
    }
  }
}

export const start: StartGateway = async ({ upstream }) => {
  const { clientUrl, close, cut, restUrl } = await startSoketi(upstream)
  return {
    settings: { name: "pusher", ...APP, restUrl, clientUrl, authUrl: upstream },
    connectsTo: [clientUrl],
    cut,
    close
  }
}
