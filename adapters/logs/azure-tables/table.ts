/**
 * One Azure table as promises: range queries, point reads and entity group transactions, each with a time limit.
 *
 * The SDK's retries are off: a retried batch that was already committed would report a conflict. Every answer
 * is judged by the functions here; nothing else looks at status codes.
 */
import type { TableClient, TableEntity, TableEntityResult, TransactionAction } from "@azure/data-tables"
import type { TokenCredential } from "@azure/core-auth"
import { LogError, LogUnavailable } from "../../../src/ports/LogError.ts"
import type { ServiceClock } from "./clock.ts"

export type TableConnection =
  /** With an account key. */
  | { readonly connectionString: string }
  /** `https://<account>.table.core.windows.net`, and a managed identity or any other token. */
  | { readonly url: string; readonly credential: TokenCredential }

export type Entity = TableEntityResult<Readonly<Record<string, unknown>>>
export type NewEntity = TableEntity<Record<string, string | number | Uint8Array>>
/** A batch takes at most 100 operations and a request of 4 MiB. */
export const MAX_ACTIONS = 100
export const MAX_BATCH_BYTES = 4 * 1024 * 1024
const PAGE_ROWS = 1_000

const statusOf = (cause: unknown): number | undefined =>
  typeof cause === "object" && cause !== null && "statusCode" in cause && typeof cause.statusCode === "number"
    ? cause.statusCode
    : undefined
const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : "")
/** Azurite gives table errors no code: only the status is sure. */
export const isConflict = (cause: unknown): boolean => [404, 409, 412].includes(statusOf(cause) ?? 0)
/** The batch failed at its second operation: the head was as expected, the entry was there already. */
export const isEntryThere = (cause: unknown): boolean => statusOf(cause) === 409 && messageOf(cause).startsWith("1:")
export const isTooLarge = (cause: unknown): boolean => statusOf(cause) === 413

export const unavailable = (operation: string, cause: unknown): LogError => {
  if (cause instanceof LogError) return cause
  const response = typeof cause === "object" && cause !== null && "response" in cause ? cause.response : undefined
  const seconds = Number(
    (response as { headers?: { get(name: string): string | undefined } } | undefined)?.headers?.get("retry-after") ??
      Number.NaN
  )
  const wait = Number.isFinite(seconds) ? { retryAfterMillis: seconds * 1000 } : {}
  return new LogError({ operation, reason: new LogUnavailable({ ...wait, cause }) })
}

/** Nothing is loaded or asked before the first use, so that a cold function answers fast what needs no log. */
export const openTable = (
  connection: TableConnection,
  table: string,
  timeoutMillis: number,
  clock: ServiceClock,
  create: boolean
) => {
  const options = {
    retryOptions: { maxRetries: 0 },
    allowInsecureConnection:
      "connectionString" in connection
        ? /TableEndpoint=http:|DefaultEndpointsProtocol=http;|UseDevelopmentStorage/i.test(connection.connectionString)
        : connection.url.startsWith("http:"),
    additionalPolicies: [
      {
        position: "perCall" as const,
        policy: {
          name: "throughlineServiceClock",
          sendRequest: async (
            request: never,
            next: (request: never) => Promise<{ headers: { get(name: string): string | undefined } }>
          ) => {
            const sent = Date.now()
            const response = await next(request)
            clock.observe(response.headers.get("date"), sent, Date.now())
            return response
          }
        } as never
      }
    ]
  }
  const limited = (signal: AbortSignal) => ({
    abortSignal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMillis)])
  })
  const open = async (): Promise<TableClient> => {
    const sdk = await import("@azure/data-tables")
    const made =
      "connectionString" in connection
        ? sdk.TableClient.fromConnectionString(connection.connectionString, table, options)
        : new sdk.TableClient(connection.url, table, connection.credential, options)
    if (create) await made.createTable(limited(new AbortController().signal))
    return made
  }
  let opening: Promise<TableClient> | undefined
  /** A failed opening is tried again by the next use. */
  const client = (): Promise<TableClient> =>
    (opening ??= open().catch((cause: unknown) => {
      opening = undefined
      throw cause
    }))

  /** Rows of a partition with `from <= row key < before`, in order; one request per page. */
  async function* pages(
    signal: AbortSignal,
    partition: string,
    from: string,
    before: string,
    rows = PAGE_ROWS,
    select?: string[]
  ) {
    const queryOptions = {
      filter: `PartitionKey eq '${partition}' and RowKey ge '${from}' and RowKey lt '${before}'`,
      ...(select === undefined ? {} : { select: ["PartitionKey", "RowKey", ...select] })
    }
    const query = (await client()).listEntities<Record<string, unknown>>({ queryOptions, ...limited(signal) })
    for await (const page of query.byPage({ maxPageSize: Math.min(rows, PAGE_ROWS) })) yield page as readonly Entity[]
  }
  return {
    pages,
    range: async (
      signal: AbortSignal,
      partition: string,
      from: string,
      before: string,
      select?: string[]
    ): Promise<readonly Entity[]> => {
      const rows: Entity[] = []
      for await (const page of pages(signal, partition, from, before, PAGE_ROWS, select)) rows.push(...page)
      return rows
    },
    get: async (signal: AbortSignal, partition: string, row: string): Promise<Entity | undefined> => {
      try {
        return await (await client()).getEntity<Record<string, unknown>>(partition, row, limited(signal))
      } catch (cause) {
        if (statusOf(cause) === 404) return undefined
        throw cause
      }
    },
    /** Merges into the row or creates it, whatever is there. */
    merge: async (signal: AbortSignal, entity: NewEntity): Promise<void> =>
      void (await (await client()).upsertEntity(entity, "Merge", limited(signal))),
    remove: async (signal: AbortSignal, partition: string, row: string): Promise<void> => {
      try {
        await (await client()).deleteEntity(partition, row, limited(signal))
      } catch (cause) {
        if (statusOf(cause) !== 404) throw cause
      }
    },
    /** All or nothing; answers the ETag of the first operation's row. */
    submit: async (signal: AbortSignal, actions: TransactionAction[]): Promise<string | undefined> => {
      const { subResponses } = await (await client()).submitTransaction(actions, limited(signal))
      return subResponses[0]?.etag?.trim()
    },
    /** Deletes rows in as few batches as possible; rows that are gone already are not missed. */
    removeAll: async (signal: AbortSignal, partition: string, rowKeys: readonly string[]): Promise<void> => {
      const opened = await client()
      for (let start = 0; start < rowKeys.length; start += MAX_ACTIONS) {
        const batch = rowKeys.slice(start, start + MAX_ACTIONS)
        try {
          await opened.submitTransaction(
            batch.map((rowKey) => ["delete", { partitionKey: partition, rowKey }]),
            limited(signal)
          )
        } catch (cause) {
          if (statusOf(cause) !== 404) throw cause
          // Someone else deletes the same rows; a batch is all or nothing, so go on one by one.
          for (const rowKey of batch) {
            await opened.deleteEntity(partition, rowKey, limited(signal)).catch((single: unknown) => {
              if (statusOf(single) !== 404) throw single
            })
          }
        }
      }
    }
  }
}
export type Table = ReturnType<typeof openTable>

/** Submits actions in as few batches as the service takes; each batch is atomic, together they are not. */
export const batches = (table: Table, signal: AbortSignal) => {
  let actions: TransactionAction[] = []
  let bytes = 0
  const submit = async (): Promise<void> => {
    if (actions.length > 0) await table.submit(signal, actions)
    actions = []
    bytes = 0
  }
  return {
    add: async (action: TransactionAction, wireBytes: number): Promise<void> => {
      if (actions.length === MAX_ACTIONS || bytes + wireBytes > MAX_BATCH_BYTES) await submit()
      actions.push(action)
      bytes += wireBytes
    },
    submit
  }
}
