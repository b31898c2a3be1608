/** Options of the DynamoDB log, checked when the layer is made, and the table that it needs. */
import type { CreateTableCommandInput, DynamoDBClientConfig } from "@aws-sdk/client-dynamodb"

export interface DynamodbLogOptions {
  /** A table as `dynamodbLogTable` describes it, of the log's own. */
  readonly table: string
  /** `eu-central-1` for one. */
  readonly region: string
  /** Default: those the AWS SDK finds by itself (role, environment, profile). */
  readonly credentials?: NonNullable<DynamoDBClientConfig["credentials"]>
  /** Where DynamoDB is, when it is not AWS's own: `http(s)://host[:port]`. */
  readonly url?: string
  /** How long one request may take. Default 10,000. */
  readonly timeoutMillis?: number
}
/** The index of what is due: partitions `due0` … by thread, sorted by time. */
export const DUE_INDEX = "due"

export const checkSettings = ({ region, table, timeoutMillis = 1, url }: DynamodbLogOptions): void => {
  if (!/^[A-Za-z0-9_.-]{3,255}$/.test(table)) throw new TypeError("table must be the name of a DynamoDB table")
  if (!region) throw new TypeError("region must be given, eu-central-1 for one")
  if (url !== undefined && !(URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)))
    throw new TypeError("url must be http|https://host[:port]")
  if (!(timeoutMillis >= 1)) throw new TypeError("timeoutMillis must be a number from 1")
}

/** For `CreateTable`, or to be said in a template. */
export const dynamodbLogTable = (name: string): CreateTableCommandInput => ({
  TableName: name,
  BillingMode: "PAY_PER_REQUEST",
  AttributeDefinitions: [
    { AttributeName: "pk", AttributeType: "S" },
    { AttributeName: "sk", AttributeType: "S" },
    { AttributeName: "dueShard", AttributeType: "S" },
    { AttributeName: "due", AttributeType: "N" }
  ],
  KeySchema: [
    { AttributeName: "pk", KeyType: "HASH" },
    { AttributeName: "sk", KeyType: "RANGE" }
  ],
  GlobalSecondaryIndexes: [
    {
      IndexName: DUE_INDEX,
      KeySchema: [
        { AttributeName: "dueShard", KeyType: "HASH" },
        { AttributeName: "due", KeyType: "RANGE" }
      ],
      Projection: { ProjectionType: "INCLUDE", NonKeyAttributes: ["thread"] }
    }
  ]
})
