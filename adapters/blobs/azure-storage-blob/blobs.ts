/**
 * A blob store in one container of an Azure Storage account, or of Azurite. One request per put and per get.
 *
 * Type and SHA-256 are the blob's own properties, written with its content in one step. Whatever is asked here may be
 * asked again, so the SDK tries a second time by itself.
 */
import { createHash } from "node:crypto"
import type { ContainerClient } from "@azure/storage-blob"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import {
  BlobCorrupt,
  BlobError,
  BlobStore,
  BlobTooLarge,
  checkBlob,
  checkBlobKey,
  checkBlobPrefix
} from "../../../src/ports/BlobStore.ts"
import type { BlobStoreService, StoredBlob } from "../../../src/ports/BlobStore.ts"
import { isNoContainer, isNotFound, toBlobError } from "./failures.ts"
import { nameOf } from "./names.ts"
import { checkSettings, type StorageBlobsOptions } from "./settings.ts"

export type { StorageBlobsOptions } from "./settings.ts"

const CONCURRENT_DELETES = 16
/** Of a listing. */
const PAGE = 100
const sha256Of = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

const collect = async (stream: NodeJS.ReadableStream, limitBytes: number): Promise<Uint8Array> => {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stream) {
    chunks.push(chunk as Buffer)
    size += (chunk as Buffer).length
    if (size > limitBytes) throw tooLarge(size, limitBytes)
  }
  return new Uint8Array(Buffer.concat(chunks))
}
const tooLarge = (sizeBytes: number, limitBytes: number) =>
  new BlobError({ operation: "get", reason: new BlobTooLarge({ sizeBytes, limitBytes }) })
const corrupt = (key: string, problem: string) =>
  new BlobError({ operation: "get", reason: new BlobCorrupt({ key, problem }) })

const download = async (
  container: ContainerClient,
  key: string,
  limitBytes: number,
  abortSignal: AbortSignal
): Promise<StoredBlob | undefined> => {
  let answer
  try {
    answer = await container.getBlobClient(nameOf(key)).download(0, undefined, { abortSignal })
  } catch (cause) {
    if (isNotFound(cause)) return undefined
    throw cause
  }
  const { contentLength = 0, contentType, metadata, readableStreamBody } = answer
  if (readableStreamBody === undefined) throw corrupt(key, "it has no content")
  if (contentLength > limitBytes) {
    ;(readableStreamBody as { destroy?: () => void }).destroy?.()
    throw tooLarge(contentLength, limitBytes)
  }
  const bytes = await collect(readableStreamBody, limitBytes)
  const sha256 = metadata?.["sha256"]
  if (sha256 === undefined || contentType === undefined) throw corrupt(key, "it was not put by this store")
  if (sha256 !== sha256Of(bytes)) throw corrupt(key, "its hash is another")
  return { bytes, mediaType: contentType, sha256 }
}
/** With its snapshots. A blob or container that is not there is not missed. */
const remove = async (container: ContainerClient, name: string, abortSignal: AbortSignal): Promise<void> => {
  try {
    await container.getBlobClient(name).delete({ deleteSnapshots: "include", abortSignal })
  } catch (cause) {
    if (!isNotFound(cause)) throw cause
  }
}
const eraseBelow = async (container: ContainerClient, prefix: string, signal: () => AbortSignal): Promise<void> => {
  // a page's time limit is its own, however many there are
  let continuationToken: string | undefined
  do {
    const pages = container
      .listBlobsFlat({ prefix, abortSignal: signal() })
      .byPage({ maxPageSize: PAGE, ...(continuationToken === undefined ? {} : { continuationToken }) })
    const page = (await pages.next()).value as
      | { readonly continuationToken?: string; readonly segment: { readonly blobItems: readonly { name: string }[] } }
      | undefined
    const names = page?.segment.blobItems.map(({ name }) => name) ?? []
    for (let start = 0; start < names.length; start += CONCURRENT_DELETES) {
      const some = names.slice(start, start + CONCURRENT_DELETES)
      await Promise.all(some.map((name) => remove(container, name, signal())))
    }
    continuationToken = page?.continuationToken || undefined
  } while (continuationToken !== undefined)
}

const make = (
  open: () => Promise<ContainerClient>,
  maxBytes: number,
  timeoutMillis: number,
  usesKey: boolean
): BlobStoreService => {
  const attempt = <A>(
    operation: BlobError["operation"],
    check: () => void,
    work: (container: ContainerClient, signal: () => AbortSignal) => Promise<A>
  ) =>
    Effect.suspend(() => {
      try {
        check()
      } catch (cause) {
        return cause instanceof BlobError ? Effect.fail(cause) : Effect.die(cause)
      }
      return Effect.tryPromise({
        try: async (signal) => work(await open(), () => AbortSignal.any([signal, AbortSignal.timeout(timeoutMillis)])),
        catch: (cause) => toBlobError(operation, cause, usesKey)
      })
    })
  return {
    name: "azure-storage-blob",
    durability: {
      sigkill: "Everything acknowledged: the service has it.",
      powerCut: "Everything acknowledged: the service keeps three copies or more, as the account's redundancy says."
    },
    maxBytes,
    put: (key, bytes, mediaType) =>
      attempt(
        "put",
        () => checkBlob(key, bytes, mediaType, maxBytes),
        async (container, signal) => {
          const sha256 = sha256Of(bytes)
          const upload = () =>
            container.getBlockBlobClient(nameOf(key)).upload(bytes, bytes.length, {
              blobHTTPHeaders: { blobContentType: mediaType },
              metadata: { sha256 },
              abortSignal: signal()
            })
          try {
            await upload()
          } catch (cause) {
            if (!isNoContainer(cause)) throw cause
            await container.createIfNotExists({ abortSignal: signal() })
            await upload()
          }
          return sha256
        }
      ),
    get: (key) =>
      attempt(
        "get",
        () => checkBlobKey(key),
        (container, signal) => download(container, key, maxBytes, signal())
      ),
    erase: (key) =>
      attempt(
        "erase",
        () => checkBlobKey(key),
        (container, signal) => remove(container, nameOf(key), signal())
      ),
    eraseAll: (prefix) =>
      attempt(
        "eraseAll",
        () => checkBlobPrefix(prefix),
        async (container, signal) => {
          try {
            await eraseBelow(container, nameOf(prefix), signal)
          } catch (cause) {
            if (!isNotFound(cause)) throw cause
          }
        }
      )
  }
}

/** Blobs in a container, which is made at the first put. Throws a `TypeError` that names a wrong option. */
export const storageBlobs = (options: StorageBlobsOptions): Layer.Layer<BlobStore> => {
  checkSettings(options)
  const { container = "throughline", maxBytes = 32 * 1024 * 1024, timeoutMillis = 30_000 } = options
  return Layer.sync(BlobStore, () => {
    const retry = { retryOptions: { maxTries: 2, retryDelayInMs: 200 } }
    let opened: Promise<ContainerClient> | undefined
    /** The SDK is loaded at the first use. */
    const open = () =>
      (opened ??= import("@azure/storage-blob").then(({ BlobServiceClient }) => {
        const service =
          "connectionString" in options
            ? BlobServiceClient.fromConnectionString(options.connectionString, retry)
            : new BlobServiceClient(options.url, options.credential, retry)
        return service.getContainerClient(container)
      }))
    return make(open, maxBytes, timeoutMillis, "connectionString" in options)
  })
}
