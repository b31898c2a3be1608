/**
 * Starts dynalite, an emulator of DynamoDB, as a child process with nothing on disk; ends it by its pid.
 *
 * It takes any credentials and has neither transactions nor expiry.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { createServer, type AddressInfo } from "node:net"
import { fileURLToPath } from "node:url"
import { CreateTableCommand, DynamoDBClient, type CreateTableCommandInput } from "@aws-sdk/client-dynamodb"

const MAIN = fileURLToPath(new URL("../emulators/node_modules/dynalite/cli.js", import.meta.url))

export const REGION = "eu-central-1"
export const CREDENTIALS = { accessKeyId: "AKIDOFTHETESTS", secretAccessKey: "secret-of-the-tests" }

export interface Dynalite {
  readonly url: string
  readonly client: DynamoDBClient
  /** Makes a table that is usable at once. */
  readonly createTable: (table: Omit<CreateTableCommandInput, "BillingMode">) => Promise<void>
  readonly close: () => Promise<void>
}
/** Whether it is installed; tests that need it are skipped otherwise. */
export const dynaliteMissing = (): string | undefined =>
  existsSync(MAIN) ? undefined : "dynalite is not installed: npm ci --prefix test/emulators"

/** Free when it was asked for. */
export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  await once(server.close(), "close")
  return port
}

export const startDynalite = async (): Promise<Dynalite> => {
  const where = ["--host", "127.0.0.1", "--port", String(await freePort())]
  const child = spawn(process.execPath, [MAIN, ...where, "--createTableMs", "0"], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  const exited = once(child, "exit")
  const url = await new Promise<string>((resolve, reject) => {
    let output = ""
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString()
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(output)
      if (found !== null) resolve(found[0])
    })
    child.once("exit", (code) => reject(new Error(`dynalite ended with ${code}: ${output}`)))
  })
  const client = new DynamoDBClient({ endpoint: url, region: REGION, credentials: CREDENTIALS })
  return {
    url,
    client,
    createTable: async (table) =>
      void (await client.send(new CreateTableCommand({ ...table, BillingMode: "PAY_PER_REQUEST" }))),
    close: async () => {
      client.destroy()
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL")
      await exited
    }
  }
}
