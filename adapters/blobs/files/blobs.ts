/**
 * A blob store in one folder of this machine: a file for each blob, written beside its place and renamed into it.
 *
 * A segment of a key is a folder named by its hash, so no key leads out, however it is spelt and whatever letters the
 * file system tells apart; a prefix is one folder. A file begins with a line of JSON that says the key, the type, the
 * size and the hash of what follows. Processes may share the folder.
 */
import { createHash, randomUUID } from "node:crypto"
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import {
  BlobCorrupt,
  BlobError,
  BlobRefused,
  BlobStore,
  BlobTooLarge,
  BlobUnavailable,
  checkBlob,
  checkBlobKey,
  checkBlobPrefix
} from "../../../src/ports/BlobStore.ts"
import type { BlobStoreService, StoredBlob } from "../../../src/ports/BlobStore.ts"

export interface FileBlobsOptions {
  /** Made when it is first used and not there. */
  readonly folder: string
  /** Largest blob. Default 32 MiB. */
  readonly maxBytes?: number
}
/** What is written into before it is renamed; no hash is named like it. */
const UNFINISHED = "unfinished"
/** Whoever wrote this long ago is dead. */
const STALE_MILLIS = 60 * 60 * 1000
const MAX_HEADER_BYTES = 4 * 1024
const MAX_ATTEMPTS = 10

const sha256Of = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex")
const codeOf = (cause: unknown): unknown => (cause as { readonly code?: unknown } | null)?.code
const isMissing = (cause: unknown): boolean => codeOf(cause) === "ENOENT"
/** Folder of everything below the key's segments. */
const folderOf = (folder: string, key: string): string => join(folder, ...key.split("/").map(sha256Of))
const fileOf = (folder: string, key: string): string => `${folderOf(folder, key)}.blob`

const toError = (operation: BlobError["operation"], folder: string, cause: unknown): BlobError => {
  if (cause instanceof BlobError) return cause
  const remedy = ["ENOSPC", "EDQUOT"].includes(String(codeOf(cause)))
    ? `make room on the disk of ${folder}`
    : ["EACCES", "EPERM", "EROFS", "ENOTDIR"].includes(String(codeOf(cause)))
      ? `let this process write to ${folder}`
      : undefined
  return new BlobError({
    operation,
    reason: remedy === undefined ? new BlobUnavailable({ cause }) : new BlobRefused({ remedy, cause })
  })
}
/** Makes what was renamed or created in a folder survive a power cut. */
const syncFolder = async (folder: string): Promise<void> => {
  // Windows opens no folders
  if (process.platform === "win32") return
  const handle = await open(folder, "r")
  await handle.sync().finally(() => handle.close())
}
const makeFolder = async (folder: string): Promise<void> => {
  const first = await mkdir(folder, { recursive: true })
  if (first === undefined) return
  for (let made = folder; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made))
}

const write = async (folder: string, key: string, header: string, bytes: Uint8Array): Promise<void> => {
  await makeFolder(join(folder, UNFINISHED))
  const unfinished = join(folder, UNFINISHED, randomUUID())
  const place = fileOf(folder, key)
  try {
    const handle = await open(unfinished, "wx")
    try {
      await handle.writeFile(Buffer.concat([Buffer.from(header), bytes]))
      await handle.sync()
    } finally {
      await handle.close()
    }
    for (let attempt = 1; ; attempt++) {
      try {
        await makeFolder(dirname(place))
        await rename(unfinished, place)
        break
      } catch (cause) {
        // somebody erased the folder in between
        if (!isMissing(cause) || attempt === MAX_ATTEMPTS) throw cause
      }
    }
  } catch (cause) {
    await rm(unfinished, { force: true })
    throw cause
  }
  await syncFolder(dirname(place)).catch((cause: unknown) => {
    if (!isMissing(cause)) throw cause
  })
}
const readWhole = async (place: string, maxBytes: number): Promise<Buffer> => {
  const handle = await open(place, "r")
  try {
    const { size } = await handle.stat()
    if (size > maxBytes + MAX_HEADER_BYTES) {
      throw new BlobError({ operation: "get", reason: new BlobTooLarge({ sizeBytes: size, limitBytes: maxBytes }) })
    }
    return await handle.readFile()
  } finally {
    await handle.close()
  }
}
const decode = (key: string, file: Buffer): StoredBlob => {
  const corrupt = (problem: string) => new BlobError({ operation: "get", reason: new BlobCorrupt({ key, problem }) })
  const end = file.indexOf("\n")
  let header: Record<string, unknown>
  try {
    header = JSON.parse(file.subarray(0, Math.max(0, end)).toString()) as Record<string, unknown>
  } catch {
    throw corrupt("its first line is not readable")
  }
  const bytes = new Uint8Array(file.subarray(end + 1))
  const { mediaType, sha256 } = header
  if (header["v"] !== 1 || header["key"] !== key || typeof mediaType !== "string" || typeof sha256 !== "string")
    throw corrupt("its first line is another's")
  if (header["bytes"] !== bytes.length) throw corrupt("it is not whole")
  if (sha256 !== sha256Of(bytes)) throw corrupt("its hash is another")
  return { bytes, mediaType, sha256 }
}
const removeStale = async (folder: string): Promise<void> => {
  for (const name of await readdir(join(folder, UNFINISHED))) {
    const path = join(folder, UNFINISHED, name)
    if (Date.now() - (await stat(path)).mtimeMs > STALE_MILLIS) await rm(path, { force: true })
  }
}

const make = (folder: string, maxBytes: number): BlobStoreService => {
  const attempt = <A>(operation: BlobError["operation"], check: () => void, work: () => Promise<A>) =>
    Effect.suspend(() => {
      try {
        check()
      } catch (cause) {
        return cause instanceof BlobError ? Effect.fail(cause) : Effect.die(cause)
      }
      return Effect.tryPromise({ try: work, catch: (cause) => toError(operation, folder, cause) })
    })
  return {
    name: "files",
    durability: {
      sigkill: "Everything acknowledged: the file is in its place.",
      powerCut: "Everything acknowledged, as far as the disk keeps what it was told to flush."
    },
    maxBytes,
    put: (key, bytes, mediaType) =>
      attempt(
        "put",
        () => checkBlob(key, bytes, mediaType, maxBytes),
        async () => {
          const sha256 = sha256Of(bytes)
          const header = JSON.stringify({ v: 1, key, mediaType, bytes: bytes.length, sha256 })
          await write(folder, key, `${header}\n`, bytes)
          return sha256
        }
      ),
    get: (key) =>
      attempt(
        "get",
        () => checkBlobKey(key),
        async () => {
          try {
            return decode(key, await readWhole(fileOf(folder, key), maxBytes))
          } catch (cause) {
            if (isMissing(cause)) return undefined
            throw cause
          }
        }
      ),
    erase: (key) =>
      attempt(
        "erase",
        () => checkBlobKey(key),
        () => rm(fileOf(folder, key), { force: true })
      ),
    eraseAll: (prefix) =>
      attempt(
        "eraseAll",
        () => checkBlobPrefix(prefix),
        () =>
          rm(folderOf(folder, prefix.slice(0, -1)), {
            recursive: true,
            force: true,
            maxRetries: MAX_ATTEMPTS,
            retryDelay: 10
          })
      )
  }
}

/** Blobs in a folder. What a killed process left unfinished an hour ago or earlier is removed when the layer is built. */
export const fileBlobs = ({ folder, maxBytes = 32 * 1024 * 1024 }: FileBlobsOptions): Layer.Layer<BlobStore> => {
  if (folder === "") throw new TypeError("folder must name one")
  const absolute = resolve(folder)
  return Layer.effect(
    BlobStore,
    Effect.as(
      // what cannot be removed now is removed by a later start
      Effect.ignore(Effect.tryPromise(() => removeStale(absolute))),
      make(absolute, maxBytes)
    )
  )
}
