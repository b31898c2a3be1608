/** The port of a blob store: values too large for an entry, kept by reference. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

export class BlobError extends Schema.TaggedError<BlobError>()("BlobError", {
  operation: Schema.Literals(["put", "get", "erase"]),
  cause: Schema.Defect()
}) {
  override get message() {
    return `${this.operation}: the blob store did not answer`
  }
}
export interface BlobStoreService {
  /** Idempotent: the same key with the same bytes is one blob. */
  readonly put: (key: string, bytes: Uint8Array, mediaType: string) => Effect.Effect<void, BlobError>
  readonly get: (key: string) => Effect.Effect<Uint8Array | undefined, BlobError>
  readonly erase: (key: string) => Effect.Effect<void, BlobError>
}
export class BlobStore extends Context.Service<BlobStore, BlobStoreService>()("throughline/ports/BlobStore") {}
