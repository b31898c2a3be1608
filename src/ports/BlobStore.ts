/**
 * The port of a blob store: values too large for an entry, kept by reference.
 *
 * A key is segments between slashes, `<tenant>/<thread>/…`, and no store lets one lead out of its own folder or
 * container. A put replaces what was there, so a key that must always mean the same bytes holds their hash. What `get`
 * answers is what was put: its SHA-256 is kept beside it and compared, and damage is an error, never a value.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { isId } from "../protocol/Id.ts"
import type { Durability } from "./ThreadLog.ts"

/** No answer from the store. Every operation is safe to retry. */
export class BlobUnavailable extends Schema.TaggedError<BlobUnavailable>()("BlobUnavailable", {
  retryAfterMillis: Schema.optionalKey(Schema.Number),
  cause: Schema.Defect()
}) {
  override get message() {
    return "the blob store did not answer"
  }
}
/** The store answered no: a setting, a right or the room is missing. Do not retry before `remedy` is done. */
export class BlobRefused extends Schema.TaggedError<BlobRefused>()("BlobRefused", {
  remedy: Schema.String,
  cause: Schema.Defect()
}) {
  override get message() {
    return `the blob store refused: ${this.remedy}`
  }
}
/** Larger than this store was told to accept. Do not retry. */
export class BlobTooLarge extends Schema.TaggedError<BlobTooLarge>()("BlobTooLarge", {
  sizeBytes: Schema.Number,
  limitBytes: Schema.Number
}) {
  override get message() {
    return `the blob is ${this.sizeBytes} bytes; this store accepts ${this.limitBytes}`
  }
}
/** What is stored is not what was put. Do not retry: put it again, or do without it. */
export class BlobCorrupt extends Schema.TaggedError<BlobCorrupt>()("BlobCorrupt", {
  key: Schema.String,
  problem: Schema.String
}) {
  override get message() {
    return `blob ${this.key} is damaged: ${this.problem}`
  }
}
export type BlobErrorReason = BlobUnavailable | BlobRefused | BlobTooLarge | BlobCorrupt
export class BlobError extends Schema.TaggedError<BlobError>()("BlobError", {
  operation: Schema.Literals(["put", "get", "erase", "eraseAll"]),
  reason: Schema.Union([BlobUnavailable, BlobRefused, BlobTooLarge, BlobCorrupt])
}) {
  override get message() {
    return `${this.operation}: ${this.reason.message}`
  }
}

export interface StoredBlob {
  readonly bytes: Uint8Array
  readonly mediaType: string
  /** Of the bytes, in hexadecimal: for who keeps it with the reference. */
  readonly sha256: string
}
export interface BlobStoreService {
  readonly name: string
  readonly durability: Durability
  /** Larger ones are refused, and not read either. */
  readonly maxBytes: number
  /** The whole blob or nothing of it; replaces what the key holds. Answers the SHA-256 of the bytes. */
  readonly put: (key: string, bytes: Uint8Array, mediaType: string) => Effect.Effect<string, BlobError>
  /** `undefined`: nothing was put there, or it was erased. */
  readonly get: (key: string) => Effect.Effect<StoredBlob | undefined, BlobError>
  /** What is not there is not missed. */
  readonly erase: (key: string) => Effect.Effect<void, BlobError>
  /** Erases every key that begins with `prefix`, which ends in `/`; when it fails, some of them. Call it again then. */
  readonly eraseAll: (prefix: string) => Effect.Effect<void, BlobError>
}
export class BlobStore extends Context.Service<BlobStore, BlobStoreService>()("throughline/ports/BlobStore") {}

/** Up to 512 characters in up to 16 segments, each an id; whole Unicode, because names end up in paths and URLs. */
const isKey = (key: string): boolean => {
  const segments = key.split("/")
  return key.length <= 512 && segments.length <= 16 && key.isWellFormed() && segments.every(isId)
}
/** As HTTP has it, with at most one parameter. */
const MEDIA_TYPE = /^[\w.+-]{1,64}\/[\w.+-]{1,64}(; ?[\w-]{1,32}=[\w.+-]{1,64})?$/

/** What the keys of a run's blobs begin with, so that those whose note was never written are found, too. */
export const blobsOf = (thread: string, run: string) => `${thread}/${run}/`

/** Every store asks before it does anything. A key, prefix or type that is none is the caller's mistake: a `TypeError`. */
export const checkBlobKey = (key: string): void => {
  if (!isKey(key)) throw new TypeError("a blob's key is 1 to 16 ids between slashes, at most 512 characters")
}
export const checkBlobPrefix = (prefix: string): void => {
  if (!prefix.endsWith("/") || !isKey(prefix.slice(0, -1)))
    throw new TypeError("a prefix of blobs is whole segments of their keys, with a slash at its end")
}
/** Throws a `BlobError` for a blob that is too large. */
export const checkBlob = (key: string, bytes: Uint8Array, mediaType: string, limitBytes: number): void => {
  checkBlobKey(key)
  if (!MEDIA_TYPE.test(mediaType)) throw new TypeError("a blob's media type is one such as application/json")
  if (bytes.length > limitBytes)
    throw new BlobError({ operation: "put", reason: new BlobTooLarge({ sizeBytes: bytes.length, limitBytes }) })
}
