/**
 * Starts Azurite, Microsoft's local Azure Storage, as a child process with nothing on disk; ends it by its pid.
 *
 * Its account and key are the published development ones, no secret.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { fileURLToPath } from "node:url"

const MAIN = fileURLToPath(new URL("../../node_modules/azurite/dist/src/azurite.js", import.meta.url))
const KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

export interface Azurite {
  readonly connectionString: string
  readonly close: () => Promise<void>
}
/** Whether it is installed; tests that need it are skipped otherwise. */
export const hasAzurite = (): boolean => existsSync(MAIN)

const freePorts = async (count: number): Promise<readonly number[]> => {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"))
  await Promise.all(servers.map((server) => once(server, "listening")))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => once(server.close(), "close")))
  return ports
}

export const startAzurite = async (): Promise<Azurite> => {
  const [blob, queue, table] = await freePorts(3)
  const host = ["--blobHost", "127.0.0.1", "--queueHost", "127.0.0.1", "--tableHost", "127.0.0.1"]
  const port = ["--blobPort", `${blob}`, "--queuePort", `${queue}`, "--tablePort", `${table}`]
  const child = spawn(
    process.execPath,
    [MAIN, ...host, ...port, "--inMemoryPersistence", "--silent", "--skipApiVersionCheck", "--disableTelemetry"],
    { cwd: tmpdir(), stdio: ["ignore", "pipe", "pipe"] }
  )
  const exited = once(child, "exit")
  const close = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL")
    await exited
  }
  let output = ""
  await new Promise<void>((resolve, reject) => {
    const listen = (chunk: Buffer): void => {
      output += chunk.toString()
      if (output.match(/successfully listen/g)?.length === 3) resolve()
    }
    child.stdout.on("data", listen)
    child.stderr.on("data", listen)
    child.once("exit", (code) => reject(new Error(`azurite ended with ${code}: ${output}`)))
  })
  const endpoints = [
    `BlobEndpoint=http://127.0.0.1:${blob}/devstoreaccount1`,
    `QueueEndpoint=http://127.0.0.1:${queue}/devstoreaccount1`,
    `TableEndpoint=http://127.0.0.1:${table}/devstoreaccount1`
  ]
  return {
    connectionString: [
      "DefaultEndpointsProtocol=http",
      "AccountName=devstoreaccount1",
      `AccountKey=${KEY}`,
      ...endpoints,
      ""
    ].join(";"),
    close
  }
}
