/**
 * As much of Cloudflare's runtime as this adapter uses, as types: a Worker's own types cannot stand beside those of Node
 * and browsers. developers.cloudflare.com/durable-objects/api/
 */
export interface ObjectNamespace {
  readonly idFromName: (name: string) => unknown
  // a method, so that the namespace of `@cloudflare/workers-types`, which wants its own id, fits
  get(id: unknown): { readonly fetch: (url: string, init?: RequestInit) => Promise<Response> }
}
export type SqlValue = string | number | null | ArrayBuffer | Uint8Array
export type Row = Readonly<Record<string, SqlValue>>
export interface Sql {
  /** Synchronous. Rows are read as they are asked for, before anything else is done. */
  readonly exec: (query: string, ...bindings: SqlValue[]) => Iterable<Row> & { readonly toArray: () => Row[] }
}
export interface ObjectStorage {
  readonly sql: Sql
  /** What throws writes nothing. */
  readonly transactionSync: <A>(work: () => A) => A
}
export interface ObjectContext {
  readonly storage: ObjectStorage
}
