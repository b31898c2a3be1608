/**
 * A blob store in this process's memory: for tests and programs of one process. Exact, not durable.
 */
import { createHash } from "node:crypto"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { BlobStore, checkBlob, checkBlobKey, checkBlobPrefix } from "../../../src/ports/BlobStore.ts"
import type { BlobError, BlobStoreService, StoredBlob } from "../../../src/ports/BlobStore.ts"

/** The blobs of one store. Two stores over one map see the same blobs, as two processes would. */
export type MemoryBlobs = Map<string, StoredBlob>
export interface MemoryBlobsOptions {
  /** Default: a new, empty one. */
  readonly store?: MemoryBlobs
  /** Largest blob. Default 32 MiB. */
  readonly maxBytes?: number
}

const make = (store: MemoryBlobs, maxBytes: number): BlobStoreService => {
  const attempt = <A>(work: () => A): Effect.Effect<A, BlobError> =>
    Effect.suspend(() => {
      try {
        return Effect.succeed(work())
      } catch (cause) {
        return cause instanceof TypeError ? Effect.die(cause) : Effect.fail(cause as BlobError)
      }
    })
  return {
    name: "memory",
    durability: { sigkill: "Nothing.", powerCut: "Nothing." },
    maxBytes,
    put: (key, bytes, mediaType) =>
      attempt(() => {
        checkBlob(key, bytes, mediaType, maxBytes)
        const sha256 = createHash("sha256").update(bytes).digest("hex")
        store.set(key, { bytes: new Uint8Array(bytes), mediaType, sha256 })
        return sha256
      }),
    get: (key) =>
      attempt(() => {
        checkBlobKey(key)
        const found = store.get(key)
        return found && { ...found, bytes: new Uint8Array(found.bytes) }
      }),
    erase: (key) =>
      attempt(() => {
        checkBlobKey(key)
        store.delete(key)
      }),
    eraseAll: (prefix) =>
      attempt(() => {
        checkBlobPrefix(prefix)
        for (const key of store.keys()) if (key.startsWith(prefix)) store.delete(key)
      })
  }
}

export const memoryBlobs = ({
  maxBytes = 32 * 1024 * 1024,
  store = new Map()
}: MemoryBlobsOptions = {}): Layer.Layer<BlobStore> => Layer.sync(BlobStore, () => make(store, maxBytes))
