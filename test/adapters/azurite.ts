/**
 * Starts Azurite, Microsoft's local Azure Storage, as a child process with nothing on disk; ends it by its pid.
 *
 * Its account and key are the published development ones, no secret.
 */
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const MAIN = fileURLToPath(new URL("../../node_modules/azurite/dist/src/azurite.js", import.meta.url))
const KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

export interface Azurite {
  readonly connectionString: string
  /** Of the account's services, as one with a token asks them. */
  readonly urls: { readonly blobs: string; readonly queues: string; readonly tables: string }
  readonly close: () => Promise<void>
}
/** Whether it is installed; tests that need it are skipped otherwise. */
export const hasAzurite = (): boolean => existsSync(MAIN)

/** A certificate of 127.0.0.1 for a day, and its key. */
export interface Certificate {
  readonly cert: string
  readonly key: string
  readonly remove: () => void
}
/** `undefined` where there is no `openssl`. */
export const makeCertificate = (): Certificate | undefined => {
  const folder = mkdtempSync(join(tmpdir(), "throughline-tls-"))
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")]
  const remove = () => rmSync(folder, { recursive: true, force: true })
  const { status } = spawnSync(
    process.env["OPENSSL"] ?? "openssl",
    [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"],
      ...["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert]
    ],
    { stdio: "ignore" }
  )
  if (status === 0) return { cert, key, remove }
  remove()
  return undefined
}
/** As Entra ID makes them, but unsigned: Azurite checks lifetime, issuer and audience. */
export const storageToken = (lifetimeMillis = 3_600_000) => {
  const seconds = Math.floor(Date.now() / 1000)
  const expiresOnTimestamp = Date.now() + lifetimeMillis
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url")
  const claims = {
    aud: "https://storage.azure.com",
    iss: "https://sts.windows.net/ab1f708d-50f6-404c-a006-d71b2ac7a606/",
    iat: seconds - 7_200,
    nbf: seconds - 7_200,
    exp: Math.floor(expiresOnTimestamp / 1000)
  }
  return { token: `${part({ alg: "none", typ: "JWT" })}.${part(claims)}.x`, expiresOnTimestamp }
}

const freePorts = async (count: number): Promise<readonly number[]> => {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"))
  await Promise.all(servers.map((server) => once(server, "listening")))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => once(server.close(), "close")))
  return ports
}

/** With a certificate it speaks HTTPS and takes tokens as well as its key. */
export const startAzurite = async (tls?: Certificate): Promise<Azurite> => {
  const [blob, queue, table] = await freePorts(3)
  const host = ["--blobHost", "127.0.0.1", "--queueHost", "127.0.0.1", "--tableHost", "127.0.0.1"]
  const port = ["--blobPort", `${blob}`, "--queuePort", `${queue}`, "--tablePort", `${table}`]
  const secured = tls === undefined ? [] : ["--oauth", "basic", "--cert", tls.cert, "--key", tls.key]
  const child = spawn(
    process.execPath,
    [
      MAIN,
      ...host,
      ...port,
      "--inMemoryPersistence",
      "--silent",
      "--skipApiVersionCheck",
      "--disableTelemetry",
      ...secured
    ],
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
  const scheme = tls === undefined ? "http" : "https"
  const urlOf = (at: number | undefined) => `${scheme}://127.0.0.1:${at}/devstoreaccount1`
  const urls = { blobs: urlOf(blob), queues: urlOf(queue), tables: urlOf(table) }
  return {
    urls,
    connectionString: [
      `DefaultEndpointsProtocol=${scheme}`,
      "AccountName=devstoreaccount1",
      `AccountKey=${KEY}`,
      `BlobEndpoint=${urls.blobs}`,
      `QueueEndpoint=${urls.queues}`,
      `TableEndpoint=${urls.tables}`,
      ""
    ].join(";"),
    close
  }
}
