/** The AWS SDK, loaded at first use. Writes of frames are not repeated; reads and writes of the registry are, by the SDK. */
import type { ApiGatewayManagementApiClient } from "@aws-sdk/client-apigatewaymanagementapi"
import type * as DynamoSdk from "@aws-sdk/client-dynamodb"
import { PackageMissing } from "./failures.ts"
import type { AwsSettings } from "./settings.ts"

const CONNECT_MILLIS = 3_000

/** Loads and makes once; a failed attempt is made again. */
const once = <A>(make: () => Promise<A>): (() => Promise<A>) => {
  let made: Promise<A> | undefined
  return () => {
    made ??= make().catch((cause: unknown) => {
      made = undefined
      throw cause
    })
    return made
  }
}
const missing = (name: string) => (cause: unknown) => {
  throw (Object(cause) as { readonly code?: string }).code === "ERR_MODULE_NOT_FOUND" ? new PackageMissing(name) : cause
}
const common = ({ credentials, region }: AwsSettings, maxSockets: number, timeoutMillis: number) => ({
  region,
  ...(credentials === undefined ? {} : { credentials }),
  requestHandler: {
    connectionTimeout: CONNECT_MILLIS,
    requestTimeout: timeoutMillis,
    throwOnRequestTimeout: true,
    // they wait their turn here on purpose
    socketAcquisitionWarningTimeout: 10 * 60_000,
    httpAgent: { maxSockets },
    httpsAgent: { maxSockets }
  }
})

export interface Dynamo {
  readonly sdk: typeof DynamoSdk
  readonly client: DynamoSdk.DynamoDBClient
}
export interface Lazy<A> {
  readonly load: () => Promise<A>
  readonly close: () => void
}

export const lazyDynamo = (settings: AwsSettings, options: { readonly timeoutMillis: number }): Lazy<Dynamo> => {
  let client: DynamoSdk.DynamoDBClient | undefined
  const load = once(async () => {
    const sdk = await import("@aws-sdk/client-dynamodb").catch(missing("@aws-sdk/client-dynamodb"))
    const { dynamodbUrl } = settings
    client = new sdk.DynamoDBClient({
      ...common(settings, 64, options.timeoutMillis),
      maxAttempts: 3,
      ...(dynamodbUrl === undefined ? {} : { endpoint: dynamodbUrl })
    })
    return { sdk, client }
  })
  return { load, close: () => client?.destroy() }
}

/** Posts one text to one connection. Rejects with the SDK's error. */
export type Post = (connection: string, text: string, signal: AbortSignal) => Promise<void>

export const lazyPost = (
  settings: AwsSettings,
  callbackUrl: string,
  options: { readonly maxPosts: number; readonly timeoutMillis: number }
): Lazy<Post> => {
  const name = "@aws-sdk/client-apigatewaymanagementapi"
  let client: ApiGatewayManagementApiClient | undefined
  const load = once(async (): Promise<Post> => {
    const sdk = await import("@aws-sdk/client-apigatewaymanagementapi").catch(missing(name))
    const made = new sdk.ApiGatewayManagementApiClient({
      ...common(settings, options.maxPosts, options.timeoutMillis),
      endpoint: callbackUrl,
      maxAttempts: 1
    })
    client = made
    return async (ConnectionId, text, abortSignal) =>
      void (await made.send(new sdk.PostToConnectionCommand({ ConnectionId, Data: text }), { abortSignal }))
  })
  return { load, close: () => client?.destroy() }
}
