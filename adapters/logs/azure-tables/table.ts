/**
 * One Azure table as promises: range queries, point reads and entity group transactions, each with a time limit.
 *
 * The SDK's retries are off: a retried batch that was already committed would report a conflict.
 */
import type { TableClient, TableEntity, TableEntityResult, TransactionAction } from "@azure/data-tables"
import type { ServiceClock } from "./clock.ts"
import { isNotFound } from "./failures.ts"
import type { TableConnection } from "./settings.ts"

export type Entity = TableEntityResult<Readonly<Record<string, unknown>>>
export type NewEntity = TableEntity<Record<string, string | number | Uint8Array>>
/** A batch takes at most 100 operations and a request of 4 MiB. */
export const MAX_ACTIONS = 100
export const MAX_BATCH_BYTES = 4 * 1024 * 1024
const PAGE_ROWS = 1_000

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

  /** Rows of a partition with `from <= row key < before`, in order; one request per page, each with its own time. */
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
    const opened = await client()
    let continuationToken: string | undefined
    do {
      const found = await opened
        .listEntities<Record<string, unknown>>({ queryOptions, ...limited(signal) })
        .byPage({
          maxPageSize: Math.min(rows, PAGE_ROWS),
          ...(continuationToken === undefined ? {} : { continuationToken })
        })
        .next()
      if (found.done === true) return
      yield found.value as readonly Entity[]
      continuationToken = found.value.continuationToken
    } while (continuationToken !== undefined)
  }
  /** Deletes rows in as few batches as possible; rows that are gone already are not missed. */
  const removeAll = async (signal: AbortSignal, partition: string, rowKeys: readonly string[]): Promise<void> => {
    const opened = await client()
    for (let start = 0; start < rowKeys.length; start += MAX_ACTIONS) {
      const batch = rowKeys.slice(start, start + MAX_ACTIONS)
      try {
        await opened.submitTransaction(
          batch.map((rowKey) => ["delete", { partitionKey: partition, rowKey }]),
          limited(signal)
        )
      } catch (cause) {
        if (!isNotFound(cause)) throw cause
        // Someone else deletes the same rows; a batch is all or nothing, so go on one by one.
        for (const rowKey of batch) {
          await opened.deleteEntity(partition, rowKey, limited(signal)).catch((single: unknown) => {
            if (!isNotFound(single)) throw single
          })
        }
      }
    }
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
        if (isNotFound(cause)) return undefined
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
        if (!isNotFound(cause)) throw cause
      }
    },
    /** All or nothing; answers the ETag of the first operation's row. */
    submit: async (signal: AbortSignal, actions: TransactionAction[]): Promise<string | undefined> => {
      const { subResponses } = await (await client()).submitTransaction(actions, limited(signal))
      return subResponses[0]?.etag?.trim()
    },
    removeAll,
    /** Deletes the rows of a range, page by page from its beginning, and of those the ones that `which` takes. */
    removeRange: async (
      signal: AbortSignal,
      partition: string,
      from: string,
      before: string,
      which: (rowKey: string) => boolean = () => true
    ): Promise<void> => {
      for await (const page of pages(signal, partition, from, before, PAGE_ROWS, [])) {
        await removeAll(signal, partition, page.map((row) => String(row.rowKey)).filter(which))
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
