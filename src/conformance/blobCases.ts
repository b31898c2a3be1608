/**
 * Conformance of blob stores: what every adapter must do, as cases that any test runner can run.
 *
 * With vitest: `for (const { name, run } of blobCases()) it(name, () => Effect.runPromise(run(store, { second })))`.
 * Each case works under a tenant of its own, so cases may share one store and run in any order.
 */
import { createHash } from "node:crypto"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { v7 } from "uuid"
import type { BlobError, BlobErrorReason, BlobStoreService } from "../ports/BlobStore.ts"
import { fail, same, type ConformanceFailure } from "./logCase.ts"

export interface BlobEnv {
  /** Another instance over the same store, as another process would have it. */
  readonly second: BlobStoreService
  /** Changes one byte of what the key holds, behind the store's back. Absent: its bytes cannot be reached. */
  readonly damage?: (key: string) => Promise<void>
}
export interface BlobCase {
  readonly name: string
  readonly run: (store: BlobStoreService, env: BlobEnv) => Effect.Effect<void, ConformanceFailure | BlobError>
}

const newThread = (): string => `t-${v7()}/thread`
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const JSON_TYPE = "application/json"

const holds = Effect.fnUntraced(function* (store: BlobStoreService, key: string, expected: Uint8Array | undefined) {
  const found = yield* store.get(key)
  if (expected === undefined) return yield* same(`get ${key.slice(0, 80)}`, found?.bytes.length, undefined)
  yield* same(`size of ${key.slice(0, 80)}`, found?.bytes.length, expected.length)
  if (found !== undefined && !Buffer.from(found.bytes).equals(expected)) yield* fail(`get ${key}: other bytes came`)
})
const failsWith = (what: string, effect: Effect.Effect<unknown, BlobError>, tag: BlobErrorReason["_tag"]) =>
  Effect.matchEffect(effect, {
    onSuccess: () => fail(`${what}: expected ${tag}, but it succeeded`),
    onFailure: ({ reason }) => same(what, reason._tag, tag)
  })
/** A mistake of the caller is a defect, and nothing happened. */
const dies = Effect.fnUntraced(function* (what: string, effect: Effect.Effect<unknown, BlobError>) {
  const exit = yield* Effect.exit(effect)
  if (!Exit.hasDies(exit)) yield* fail(`${what}: expected a TypeError, found ${exit._tag}`)
})

const cases: readonly BlobCase[] = [
  {
    name: "a blob is there for everyone once it was put, with its type and its hash",
    run: Effect.fnUntraced(function* (store, { second }) {
      const key = `${newThread()}/run/1`
      yield* holds(store, key, undefined)
      const bytes = Uint8Array.from({ length: 300_000 }, (_, n) => (n * 7) % 256)
      const sha256 = createHash("sha256").update(bytes).digest("hex")
      yield* same("answer of put", yield* store.put(key, bytes, "image/png"), sha256)
      bytes[0] = 1
      const found = yield* second.get(key)
      yield* same("type and hash", [found?.mediaType, found?.sha256], ["image/png", sha256])
      bytes[0] = 0
      yield* holds(store, key, bytes)
      yield* store.put(key, new Uint8Array(0), JSON_TYPE)
      yield* holds(second, key, new Uint8Array(0))
    })
  },
  {
    name: "the same put again changes nothing, and another one replaces",
    run: Effect.fnUntraced(function* (store, { second }) {
      const key = `${newThread()}/run/1`
      yield* store.put(key, bytesOf("one"), JSON_TYPE)
      yield* second.put(key, bytesOf("one"), JSON_TYPE)
      yield* holds(store, key, bytesOf("one"))
      yield* second.put(key, bytesOf("two"), "text/plain; charset=utf-8")
      yield* holds(store, key, bytesOf("two"))
      yield* same("type", (yield* store.get(key))?.mediaType, "text/plain; charset=utf-8")
    })
  },
  {
    name: "of many puts at once one is there, and whole",
    run: Effect.fnUntraced(function* (store, { second }) {
      const key = `${newThread()}/run/1`
      const puts = Array.from({ length: 16 }, (_, n) => {
        const bytes = new Uint8Array(50_000).fill(n)
        return (n % 2 === 0 ? store : second).put(key, bytes, JSON_TYPE)
      })
      yield* Effect.all(puts, { concurrency: "unbounded" })
      const { bytes = [] } = (yield* store.get(key)) ?? {}
      yield* same("size and bytes", [bytes.length, new Set(bytes).size], [50_000, 1])
    })
  },
  {
    name: "an erased blob is gone for everyone, and what is not there is not missed",
    run: Effect.fnUntraced(function* (store, { second }) {
      const thread = newThread()
      yield* store.put(`${thread}/1`, bytesOf("one"), JSON_TYPE)
      yield* store.put(`${thread}/2`, bytesOf("two"), JSON_TYPE)
      yield* second.erase(`${thread}/1`)
      yield* second.erase(`${thread}/1`)
      yield* second.erase(`${thread}/never/was`)
      yield* holds(store, `${thread}/1`, undefined)
      yield* holds(store, `${thread}/2`, bytesOf("two"))
      yield* store.put(`${thread}/1`, bytesOf("again"), JSON_TYPE)
      yield* holds(second, `${thread}/1`, bytesOf("again"))
    })
  },
  {
    name: "erasing a prefix takes everything below it and nothing beside it",
    run: Effect.fnUntraced(function* (store, { second }) {
      const tenant = `t-${v7()}`
      const below = ["a/1", "a/run/2", "a/run/deep/er/3", ...Array.from({ length: 40 }, (_, n) => `a/many/${n}`)]
      const beside = ["a", "ab/1", "b/a/1", "A/1"]
      for (const key of [...below, ...beside]) yield* store.put(`${tenant}/${key}`, bytesOf(key), JSON_TYPE)
      yield* second.eraseAll(`${tenant}/a/`)
      for (const key of below) yield* holds(store, `${tenant}/${key}`, undefined)
      for (const key of beside) yield* holds(store, `${tenant}/${key}`, bytesOf(key))
      yield* second.eraseAll(`${tenant}/a/`)
      yield* second.eraseAll(`${tenant}/never/was/`)
      yield* store.eraseAll(`${tenant}/`)
      for (const key of beside) yield* holds(second, `${tenant}/${key}`, undefined)
    })
  },
  {
    name: "keys of any letters are keys of their own, also where names are long, dotted or differ by case",
    run: Effect.fnUntraced(function* (store) {
      const thread = newThread()
      const long = "x".repeat(127)
      const segments = [
        ...["a", "A", ".", "..", "...", "a.", ".a", "%2e%2e", "..\\..", "a\\b", "~", "!0041", "a b", "é", "e\u0301"],
        ...["\u{1f600}", "CON", "nul.txt", "a:b", "a*?", '"<>|', "#", "?x=1", "+", "%", "unfinished"],
        ...[`${long}a`, `${long}b`, "é".repeat(100)]
      ]
      const keys = [...segments.map((segment) => `${thread}/${segment}`), `${thread}/../../etc/passwd`]
      for (const key of keys) yield* store.put(key, bytesOf(key), JSON_TYPE)
      for (const key of keys) yield* holds(store, key, bytesOf(key))
      for (const segment of ["..", "a.", `${long}a`])
        yield* store.put(`${thread}/${segment}/1`, bytesOf("1"), JSON_TYPE)
      yield* store.eraseAll(`${thread}/../`)
      yield* holds(store, `${thread}/../1`, undefined)
      yield* holds(store, `${thread}/../../etc/passwd`, undefined)
      yield* holds(store, `${thread}/..`, bytesOf(`${thread}/..`))
      yield* store.eraseAll(`${thread}/${long}a/`)
      yield* holds(store, `${thread}/${long}a/1`, undefined)
      yield* holds(store, `${thread}/a./1`, bytesOf("1"))
      yield* holds(store, `${thread}/${long}b`, bytesOf(`${thread}/${long}b`))
    })
  },
  {
    name: "a blob above the limit is refused and leaves what was there",
    run: Effect.fnUntraced(function* (store) {
      const key = `${newThread()}/1`
      yield* store.put(key, bytesOf("small"), JSON_TYPE)
      yield* failsWith("put", store.put(key, new Uint8Array(store.maxBytes + 1), JSON_TYPE), "BlobTooLarge")
      yield* holds(store, key, bytesOf("small"))
      const whole = new Uint8Array(store.maxBytes).fill(1)
      yield* store.put(key, whole, JSON_TYPE)
      yield* holds(store, key, whole)
    })
  },
  {
    name: "what is no key, prefix or type is a mistake",
    run: Effect.fnUntraced(function* (store) {
      const put = (key: string, type = JSON_TYPE) => store.put(key, bytesOf("x"), type)
      const none = ["", "/", "a/", "/a", "a//b", "a\u0000b", "a\nb", "\ud800", "x".repeat(129), "a/".repeat(16) + "a"]
      for (const key of none) {
        yield* dies(`put ${JSON.stringify(key)}`, put(key))
        yield* dies(`get ${JSON.stringify(key)}`, store.get(key))
        yield* dies(`erase ${JSON.stringify(key)}`, store.erase(key))
      }
      for (const prefix of ["", "/", "a", "a//", "/a/"])
        yield* dies(`eraseAll ${JSON.stringify(prefix)}`, store.eraseAll(prefix))
      for (const type of ["", "json", "a/b\r\nx: y", "a/b; c=d; e=f", `a/${"b".repeat(200)}`])
        yield* dies(`type ${JSON.stringify(type)}`, put(`${newThread()}/1`, type))
    })
  },
  {
    name: "damage is an error until the blob is put again, never other bytes",
    run: Effect.fnUntraced(function* (store, { damage, second }) {
      if (damage === undefined) return
      const key = `${newThread()}/1`
      yield* store.put(key, bytesOf(JSON.stringify({ pay: 100 })), JSON_TYPE)
      yield* Effect.promise(() => damage(key))
      yield* failsWith("get", store.get(key), "BlobCorrupt")
      yield* failsWith("get by another", second.get(key), "BlobCorrupt")
      yield* store.put(key, bytesOf("repaired"), JSON_TYPE)
      yield* holds(store, key, bytesOf("repaired"))
    })
  }
]

export const blobCases = (): readonly BlobCase[] => cases
