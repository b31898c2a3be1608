/**
 * Who is connected and what they hear: one DynamoDB table, written by the function and read by every publish.
 *
 *     pk "connection#ID"   sk "connection"   ticket, expiresAt      one per connection
 *     pk "group#NAME"      sk ID             who, expiresAt         one per group of each
 *
 * Reads are consistent: a connection that was told that it is open is in every later publish. Rows outlive a connection
 * that ends unnoticed until a post to it is answered with 410, or until DynamoDB removes them (`expiresAt`).
 */
import type { AttributeValue } from "@aws-sdk/client-dynamodb"
import type { Ticket } from "../../../src/gateway/secrets.ts"
import type { Principal } from "../../../src/ports/Access.ts"
import type { Dynamo, Lazy } from "./sdk.ts"

/** API Gateway ends a connection after two hours. */
const KEEP_SECONDS = 2 * 3_600 + 10 * 60
const CONNECTION = "connection"

export interface Registry {
  /** Says who the connection is; it hears nothing yet. */
  readonly add: (connection: string, ticket: Ticket) => Promise<void>
  /** From when this resolves the connection is in its groups. */
  readonly join: (connection: string, ticket: Ticket) => Promise<void>
  readonly find: (connection: string) => Promise<Ticket | undefined>
  /** Removes the connection and its groups. Answers who it was. */
  readonly remove: (connection: string) => Promise<Ticket | undefined>
  /** Takes every connection of the principal out of the group. */
  readonly revoke: (principal: Principal, group: string) => Promise<void>
  /** Page by page. */
  readonly members: (group: string, signal: AbortSignal) => AsyncIterable<readonly string[]>
}

const whoOf = ({ id, tenant = "main" }: Principal) => JSON.stringify([tenant, id])
const nowSeconds = () => Math.floor(Date.now() / 1000)
const groupOf = (name: string) => `group#${name}`

export const makeRegistry = (dynamo: Lazy<Dynamo>, table: string): Registry => {
  const keyOf = (pk: string, sk: string) => ({ pk: { S: pk }, sk: { S: sk } })
  const put = async (pk: string, sk: string, rest: Record<string, AttributeValue>): Promise<void> => {
    const { client, sdk } = await dynamo.load()
    const expiresAt = { N: String(nowSeconds() + KEEP_SECONDS) }
    await client.send(new sdk.PutItemCommand({ TableName: table, Item: { ...keyOf(pk, sk), ...rest, expiresAt } }))
  }
  const remove = async (pk: string, sk: string): Promise<void> => {
    const { client, sdk } = await dynamo.load()
    await client.send(new sdk.DeleteItemCommand({ TableName: table, Key: keyOf(pk, sk) }))
  }
  const find = async (connection: string): Promise<Ticket | undefined> => {
    const { client, sdk } = await dynamo.load()
    const Key = keyOf(`connection#${connection}`, CONNECTION)
    const { Item } = await client.send(new sdk.GetItemCommand({ TableName: table, Key, ConsistentRead: true }))
    const ticket = Item?.["ticket"]?.S
    return ticket === undefined ? undefined : (JSON.parse(ticket) as Ticket)
  }
  /** DynamoDB removes what has expired some time later; until then it is not looked at. */
  const query = async function* (
    group: string,
    filter: string,
    values: Record<string, AttributeValue>,
    signal?: AbortSignal
  ) {
    const { client, sdk } = await dynamo.load()
    let from: Record<string, AttributeValue> | undefined
    do {
      const page = await client.send(
        new sdk.QueryCommand({
          TableName: table,
          ConsistentRead: true,
          KeyConditionExpression: "pk = :group",
          FilterExpression: filter,
          ProjectionExpression: "sk",
          ExpressionAttributeValues: { ":group": { S: groupOf(group) }, ...values },
          ExclusiveStartKey: from
        }),
        signal === undefined ? {} : { abortSignal: signal }
      )
      yield (page.Items ?? []).map(({ sk }) => String(sk?.S))
      from = page.LastEvaluatedKey
    } while (from !== undefined)
  }
  return {
    add: (connection, ticket) => put(`connection#${connection}`, CONNECTION, { ticket: { S: JSON.stringify(ticket) } }),
    join: async (connection, { groups, principal }) => {
      const who = { S: whoOf(principal) }
      await Promise.all(groups.map((group) => put(groupOf(group), connection, { who })))
    },
    find,
    remove: async (connection) => {
      const ticket = await find(connection)
      // the groups first: should it fail in between, the row that names them is still there
      await Promise.all((ticket?.groups ?? []).map((group) => remove(groupOf(group), connection)))
      await remove(`connection#${connection}`, CONNECTION)
      return ticket
    },
    revoke: async (principal, group) => {
      for await (const page of query(group, "who = :who", { ":who": { S: whoOf(principal) } }))
        await Promise.all(page.map((connection) => remove(groupOf(group), connection)))
    },
    members: (group, signal) => query(group, "expiresAt > :now", { ":now": { N: String(nowSeconds()) } }, signal)
  }
}
