/** The options that backend and function share, checked at once: where the table is, and who asks. */
import type { DynamoDBClientConfig } from "@aws-sdk/client-dynamodb"
import { checkUrl } from "../../../src/gateway/errors.ts"

export interface RegistryOptions {
  /** Name of the DynamoDB table that holds who is connected: string keys `pk` and `sk`, TTL on `expiresAt`. */
  readonly table: string
  /** Default: the one in `url`, where that is an address of API Gateway. */
  readonly region?: string | undefined
  /** Default: those the AWS SDK finds by itself (role, environment, profile). */
  readonly credentials?: NonNullable<DynamoDBClientConfig["credentials"]>
  /** Where DynamoDB is, when it is not AWS's own: `http(s)://host[:port]`. */
  readonly dynamodbUrl?: string
}
export interface AwsSettings {
  readonly table: string
  readonly region: string
  readonly credentials: NonNullable<DynamoDBClientConfig["credentials"]> | undefined
  readonly dynamodbUrl: string | undefined
}

const TABLE = /^[A-Za-z0-9_.-]{3,255}$/
/** `API.execute-api.REGION.amazonaws.com`, and `.com.cn` in China. */
const EXECUTE_API = /\.execute-api\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?$/

/** Throws a `TypeError` that names what is wrong. `url`: an address that may tell the region. */
export const checkSettings = (options: RegistryOptions, url?: string): AwsSettings => {
  if (!TABLE.test(options.table)) throw new TypeError("table must be the name of a DynamoDB table")
  const region = options.region ?? (url === undefined ? undefined : EXECUTE_API.exec(new URL(url).hostname)?.[1])
  if (!region) throw new TypeError("region must be given, eu-central-1 for one: it is not in url")
  return {
    table: options.table,
    region,
    credentials: options.credentials,
    dynamodbUrl: options.dynamodbUrl === undefined ? undefined : checkUrl("dynamodbUrl", options.dynamodbUrl)
  }
}
