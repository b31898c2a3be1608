/** API Gateway: serverless-offline with the adapter's function in it, dynalite, and AWS's refusals before both. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { awsApiGatewayClient } from "../../../../adapters/gateways/aws-api-gateway/client.ts"
import { awsApiGateway, type AwsApiGatewayOptions } from "../../../../adapters/gateways/aws-api-gateway/server.ts"
import { startAwsFront, type AwsFront } from "../../awsFront.ts"
import { CREDENTIALS, dynaliteMissing, freePort, REGION, startDynalite, type Dynalite } from "../../dynalite.ts"
import { build, startBackend, type RunningEnv } from "./environment.ts"

const EMULATORS = fileURLToPath(new URL("../../../emulators/", import.meta.url))
const OSLS = join(EMULATORS, "node_modules/osls/bin/serverless.js")
export const AWS_KEY = "a third key of the tests, thirty-two characters"
export const TABLE = "gateway"

export const awsApiGatewayMissing = (): string | undefined =>
  existsSync(OSLS) ? dynaliteMissing() : "osls is not installed: npm ci --prefix test/emulators"

export interface AwsService {
  readonly api: AwsFront
  /** What the gateway's server half asks; the function asks `dynalite` itself. */
  readonly dynamo: AwsFront
  readonly dynalite: Dynalite
  /** The HTTP API before the other function. */
  readonly httpUrl: string
  readonly options: AwsApiGatewayOptions
}

export const createRegistryTable = (dynalite: Dynalite): Promise<void> =>
  dynalite.createTable({
    TableName: TABLE,
    AttributeDefinitions: [
      { AttributeName: "pk", AttributeType: "S" },
      { AttributeName: "sk", AttributeType: "S" }
    ],
    KeySchema: [
      { AttributeName: "pk", KeyType: "HASH" },
      { AttributeName: "sk", KeyType: "RANGE" }
    ]
  })

export const startAwsApiGateway = async (): Promise<RunningEnv<AwsService>> => {
  const dynalite = await startDynalite()
  await createRegistryTable(dynalite)
  const backend = await startBackend()
  const offline = await startOffline({
    BACKEND_URL: `${backend.url}/upstream/aws-api-gateway`,
    DYNAMODB_URL: dynalite.url,
    GATEWAY_KEY: AWS_KEY,
    TABLE
  })
  const dynamo = await startAwsFront("dynamodb", dynalite.url)
  const api = await startAwsFront("execute-api", offline.socketUrl)
  const options = {
    url: api.url.replace("http", "ws"),
    key: AWS_KEY,
    table: TABLE,
    region: REGION,
    credentials: CREDENTIALS,
    dynamodbUrl: dynamo.url
  }
  const own = await build(awsApiGateway(options))
  const foreign = await build(
    awsApiGateway({
      ...options,
      key: "another".repeat(6),
      credentials: { ...CREDENTIALS, accessKeyId: "AKIDOFANOTHER" }
    })
  )
  backend.serve(own.gateway)
  return {
    service: { api, dynamo, dynalite, httpUrl: offline.httpUrl, options },
    gateway: own.gateway,
    foreign: foreign.gateway,
    client: awsApiGatewayClient(),
    onUpstream: backend.onUpstream,
    calls: backend.calls,
    cut: api.cut,
    close: async () => {
      await Promise.all([own.close(), foreign.close(), api.close(), dynamo.close()])
      await offline.close()
      await Promise.all([dynalite.close(), backend.close()])
    }
  }
}

const startOffline = async (settings: Readonly<Record<string, string>>) => {
  const [http, socket, lambda] = [await freePort(), await freePort(), await freePort()]
  // it leaves its configuration there
  const home = mkdtempSync(join(tmpdir(), "throughline-osls-"))
  const ports = ["--httpPort", `${http}`, "--websocketPort", `${socket}`, "--lambdaPort", `${lambda}`]
  const child = spawn(
    process.execPath,
    [OSLS, "offline", "start", "--host", "127.0.0.1", ...ports, "--useInProcess", "--noPrependStageInUrl"],
    {
      cwd: join(EMULATORS, "aws"),
      env: {
        PATH: process.env["PATH"],
        HOME: home,
        SLS_TELEMETRY_DISABLED: "1",
        AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
        AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
        ...settings
      },
      stdio: ["ignore", "pipe", "pipe"]
    }
  )
  const exited = once(child, "exit")
  let output = ""
  await new Promise<void>((resolve, reject) => {
    const listen = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-10_000)
      if (output.includes("Server ready") && output.includes("[http for websocket] listening")) resolve()
    }
    child.stdout.on("data", listen)
    child.stderr.on("data", listen)
    child.once("exit", (code) => reject(new Error(`osls ended with ${code}: ${output}`)))
  })
  return {
    httpUrl: `http://127.0.0.1:${http}`,
    socketUrl: `http://127.0.0.1:${socket}`,
    close: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL")
      await exited
      rmSync(home, { recursive: true, force: true })
    }
  }
}
