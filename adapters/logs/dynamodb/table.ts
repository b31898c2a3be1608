/**
 * One thread's partition of the table as promises: consistent reads and conditional writes of single rows, each with a
 * time limit.
 *
 * The SDK's retries are off: a repeated write that was committed the first time would report a conflict.
 */
import type { AttributeValue, QueryCommandInput } from "@aws-sdk/client-dynamodb"
import type * as DynamoSdk from "@aws-sdk/client-dynamodb"
import type { ServiceClock } from "./clock.ts"
import type { DynamodbLogOptions } from "./settings.ts"

export type Row = Readonly<Record<string, AttributeValue>>
/** An expression names attributes as `#name` and values as `:name`. */
export interface Condition {
  readonly when: string
  readonly values?: Row
}
const PACKAGE = "@aws-sdk/client-dynamodb"
const CONCURRENT = 32

const namesOf = (...expressions: readonly (string | undefined)[]) => {
  const found = expressions.flatMap((text) => text?.match(/#\w+/g) ?? [])
  return found.length === 0 ? undefined : Object.fromEntries(found.map((name) => [name, name.slice(1)]))
}

/** Nothing is loaded or asked before the first use, so that a cold function answers fast what needs no log. */
export const openTable = (options: DynamodbLogOptions, clock: ServiceClock) => {
  const { credentials, region, table: TableName, timeoutMillis = 10_000, url } = options
  const open = async () => {
    const sdk = await import("@aws-sdk/client-dynamodb").catch((cause: unknown) => {
      const isMissing = (Object(cause) as { readonly code?: string }).code === "ERR_MODULE_NOT_FOUND"
      throw isMissing ? new Error(`the DynamoDB log needs a package: npm install ${PACKAGE}`) : cause
    })
    const client = new sdk.DynamoDBClient({
      region,
      maxAttempts: 1,
      ...(credentials === undefined ? {} : { credentials }),
      ...(url === undefined ? {} : { endpoint: url })
    })
    client.middlewareStack.add(
      (next) => async (args) => {
        const sent = Date.now()
        const answer = await next(args)
        const { headers } = Object(answer.response) as { readonly headers?: Record<string, string> }
        clock.observe(headers?.["date"], sent, Date.now())
        return answer
      },
      { step: "deserialize", name: "throughlineServiceClock", priority: "low" }
    )
    return { sdk, client }
  }
  let opening: ReturnType<typeof open> | undefined
  let opened: DynamoSdk.DynamoDBClient | undefined
  /** A failed opening is tried again by the next use. */
  const ready = () =>
    (opening ??= open().then(
      (made) => {
        opened = made.client
        return made
      },
      (cause: unknown) => {
        opening = undefined
        throw cause
      }
    ))
  const limited = (signal: AbortSignal) => ({
    abortSignal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMillis)])
  })
  const keyOf = (pk: string, sk: string) => ({ pk: { S: pk }, sk: { S: sk } })

  async function* query(signal: AbortSignal, input: Omit<QueryCommandInput, "TableName">) {
    const { client, sdk } = await ready()
    let from: Row | undefined
    do {
      const page = await client.send(
        new sdk.QueryCommand({ TableName, ...input, ExclusiveStartKey: from }),
        limited(signal)
      )
      yield (page.Items ?? []) as readonly Row[]
      from = page.LastEvaluatedKey
    } while (from !== undefined)
  }
  /** Rows whose sort key lies between these, both included, in order, page by page. `rows`: at most so many a page. */
  const between = (signal: AbortSignal, pk: string, from: string, to: string, rows?: number, only?: string) =>
    query(signal, {
      ConsistentRead: true,
      KeyConditionExpression: "#pk = :pk AND #sk BETWEEN :from AND :to",
      ProjectionExpression: only,
      ExpressionAttributeNames: namesOf("#pk #sk", only),
      ExpressionAttributeValues: { ":pk": { S: pk }, ":from": { S: from }, ":to": { S: to } },
      ...(rows === undefined ? {} : { Limit: rows })
    })
  const remove = async (signal: AbortSignal, pk: string, sk: string): Promise<void> => {
    const { client, sdk } = await ready()
    await client.send(new sdk.DeleteItemCommand({ TableName, Key: keyOf(pk, sk) }), limited(signal))
  }
  /** Some at a time; the first failure ends it. */
  const each = async <A>(items: readonly A[], work: (item: A) => Promise<unknown>): Promise<void> => {
    for (let at = 0; at < items.length; at += CONCURRENT) await Promise.all(items.slice(at, at + CONCURRENT).map(work))
  }
  return {
    /** Closes what is idle; for the end of the layer. */
    close: () => opened?.destroy(),
    each,
    get: async (signal: AbortSignal, pk: string, sk: string): Promise<Row | undefined> => {
      const { client, sdk } = await ready()
      const command = new sdk.GetItemCommand({ TableName, Key: keyOf(pk, sk), ConsistentRead: true })
      return (await client.send(command, limited(signal))).Item
    },
    put: async (signal: AbortSignal, pk: string, sk: string, row: Row, condition?: Condition): Promise<void> => {
      const { client, sdk } = await ready()
      await client.send(
        new sdk.PutItemCommand({
          TableName,
          Item: { ...keyOf(pk, sk), ...row },
          ConditionExpression: condition?.when,
          ExpressionAttributeNames: namesOf(condition?.when),
          ExpressionAttributeValues: condition?.values as Record<string, AttributeValue> | undefined
        }),
        limited(signal)
      )
    },
    /** Answers the row as it is afterwards, or was before. */
    update: async (
      signal: AbortSignal,
      pk: string,
      sk: string,
      change: string,
      { values, when }: Partial<Condition>,
      answers: "ALL_NEW" | "ALL_OLD" | "NONE" = "NONE"
    ): Promise<Row | undefined> => {
      const { client, sdk } = await ready()
      const { Attributes } = await client.send(
        new sdk.UpdateItemCommand({
          TableName,
          Key: keyOf(pk, sk),
          UpdateExpression: change,
          ConditionExpression: when,
          ExpressionAttributeNames: namesOf(change, when),
          ExpressionAttributeValues: values as Record<string, AttributeValue> | undefined,
          ReturnValues: answers
        }),
        limited(signal)
      )
      return Attributes
    },
    remove,
    between,
    beginning: async (signal: AbortSignal, pk: string, prefix: string): Promise<readonly Row[]> => {
      const found: Row[] = []
      const pages = query(signal, {
        ConsistentRead: true,
        KeyConditionExpression: "#pk = :pk AND begins_with(#sk, :prefix)",
        ExpressionAttributeNames: namesOf("#pk #sk"),
        ExpressionAttributeValues: { ":pk": { S: pk }, ":prefix": { S: prefix } }
      })
      for await (const page of pages) found.push(...page)
      return found
    },
    /** Rows of an index; not consistent, as no index is. */
    query,
    /** Deletes the rows between, of those the ones that `which` takes. */
    removeBetween: async (
      signal: AbortSignal,
      pk: string,
      from: string,
      to: string,
      which: (sk: string) => boolean = () => true
    ): Promise<void> => {
      for await (const page of between(signal, pk, from, to, undefined, "#sk")) {
        const keys = page.map(({ sk }) => String(sk?.S)).filter(which)
        await each(keys, (sk) => remove(signal, pk, sk))
      }
    }
  }
}
export type Table = ReturnType<typeof openTable>
