/**
 * A thread log in a Redis server: an append is one Lua script, and appends of one turn share a round trip.
 *
 * One primary is read and written; `now` is its clock. Nothing is retried: an append without an answer is
 * `Unknown`. What an acknowledgement survives depends on the server's settings: see `durability` and README.md.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { LogError, OffsetExpired } from "../../../src/ports/LogError.ts"
import { ThreadLog } from "../../../src/ports/ThreadLog.ts"
import type { Append, AppendResult, Durability, ReadResult, ThreadLogService } from "../../../src/ports/ThreadLog.ts"
import { checkUrl, openConnection } from "./connection.ts"
import type { Connection } from "./connection.ts"
import { corrupt, EvictingServer, isWrongType, toLogError } from "./failures.ts"
import { fromText, keysOf, toText } from "./keys.ts"
import type { ThreadKeys } from "./keys.ts"
import { entryRecord, noteRecord, positionSum, snapshotSum, stateSum, toEntry, toNote, toRecord } from "./records.ts"
import type { HeadReply } from "./records.ts"
import { APPEND, DROP, HEAD, KNOCK, NOTE, NOTES, READ, SAVE_SNAPSHOT } from "./scripts.ts"
import { inspect } from "./settings.ts"
import { eraseEntries, readSnapshot, trimEntries } from "./upkeep.ts"

export { EvictingServer } from "./failures.ts"

export interface RedisLogOptions {
  /** `redis://user:password@host:6379/0`; `rediss://` with TLS. A primary, or what always leads to it. */
  readonly url: string
  /** Begins every key, without braces. Default `throughline:`. */
  readonly prefix?: string
  /** How long one call may take. Default 10,000. */
  readonly timeoutMillis?: number
}
const WHOLE_STORE = "*"

const ensureFollows = (thread: string, { expected, entry, logId }: Append): void => {
  if (entry.offset === expected.offset + 1 && logId !== "" && (expected.logId === "" || logId === expected.logId))
    return
  throw new TypeError(`append to ${thread}: entry ${entry.offset} of log "${logId}" does not follow the expected head`)
}
/** How often the head was written, without the knocks since. */
const writesOf = (tag: string): number => Number.parseInt(tag, 10) || 0

const appendArgs = (name: string, append: Append, n: number): readonly string[] => {
  const { control, due, entry, expected } = append
  const id = toText(entry.id)
  const logId = toText(append.logId)
  const args = [
    expected.tag,
    toText(expected.logId),
    String(expected.offset),
    toText(expected.id),
    logId,
    String(entry.offset),
    id,
    String(n),
    positionSum(name, logId, entry.offset, id, n),
    entryRecord(name, entry),
    name
  ]
  if (expected.offset > 0 && control === expected.control && due === expected.due) args.push("", "", "")
  else {
    const text = JSON.stringify(control)
    const at = due === null ? "" : String(due)
    args.push(text, at, stateSum(name, text, at))
  }
  for (const note of append.notes) {
    const key = toText(note.key)
    args.push(key, noteRecord(name, key, note.value))
  }
  return args
}

const make = (connection: Connection, durability: Durability, prefix: string): ThreadLogService => {
  const { dueKeys, thread: keysFor } = keysOf(prefix)
  const { command, run } = connection

  const attempt = <A>(
    operation: string,
    thread: string,
    work: (keys: ThreadKeys) => Promise<A>
  ): Effect.Effect<A, LogError> =>
    Effect.tryPromise({
      try: () => work(keysFor(thread)),
      catch: (cause) => toLogError(operation, thread, cause)
    })
  const append = (thread: string, append: Append): Promise<AppendResult> => {
    const { control, due, entry, expected, logId } = append
    const keys = keysFor(thread)
    const n = writesOf(expected.tag) + 1
    const names = [keys.head, keys.entries, keys.notes, keys.noteKeys, keys.due]
    return run(APPEND, names, appendArgs(keys.name, append, n)).then((reply): AppendResult => {
      const now = Number(reply)
      if (now === 0) return { _tag: "Conflict" }
      if (now < 0) throw corrupt("append", thread, entry.offset, "there are entries beyond the head")
      const head = { logId, offset: entry.offset, id: entry.id, control, due, tag: String(n), knock: null, now }
      return { _tag: "Appended", head }
    })
  }
  const record = async (operation: string, thread: string, keys: ThreadKeys) =>
    toRecord(operation, thread, keys.name, (await run(HEAD, [keys.head, keys.entries], [])) as HeadReply)

  return {
    name: "redis",
    durability,
    append: (thread, request) =>
      Effect.callback<AppendResult, LogError>((resume) => {
        ensureFollows(thread, request)
        append(thread, request).then(
          (result) => resume(Effect.succeed(result)),
          (cause: unknown) => {
            const error = toLogError("append", thread, cause)
            resume(
              error.reason._tag === "LogUnavailable"
                ? Effect.succeed({ _tag: "Unknown", cause: error })
                : Effect.fail(error)
            )
          }
        )
      }),
    knock: (thread, by) =>
      attempt("knock", thread, async (keys) => {
        const reply = (await run(KNOCK, [keys.head, keys.entries], [toText(by)])) as HeadReply
        return toRecord("knock", thread, keys.name, reply).head
      }),
    head: (thread) => attempt("head", thread, async (keys) => (await record("head", thread, keys)).head),
    read: (thread, after, { limit, maxBytes }) =>
      attempt("read", thread, async (keys): Promise<ReadResult> => {
        const reply = await run(READ, [keys.head, keys.entries], [after, limit, maxBytes].map(String))
        const [now, fields, stray, records] = reply as readonly [...HeadReply, readonly (string | null)[]]
        const { head, trimmed } = toRecord("read", thread, keys.name, [now, fields, stray])
        if (after < trimmed && after < head.offset) {
          throw new LogError({ operation: "read", reason: new OffsetExpired({ firstOffset: trimmed + 1 }) })
        }
        const entries = records.map((text, n) => toEntry("read", thread, keys.name, after + n + 1, text))
        const last = entries.at(-1)
        if (last?.offset === head.offset && last.id !== head.id) {
          throw corrupt("read", thread, head.offset, "the head names another entry")
        }
        return { entries, head }
      }),
    note: (thread, key) =>
      attempt("note", thread, async (keys) => {
        const text = (await run(NOTE, [keys.notes], [toText(key)])) as string | null
        return text === null ? undefined : toNote("note", thread, keys.name, toText(key), text).value
      }),
    notes: (thread, prefix) =>
      attempt("notes", thread, async (keys) => {
        const reply = await run(NOTES, [keys.notes, keys.noteKeys], [toText(prefix)])
        const [names, texts, held, known] = reply as [string[], (string | null)[], number, number]
        if (held !== known) throw corrupt("notes", thread, 0, "a note or its key is missing")
        return names
          .map((name, n) => toNote("notes", thread, keys.name, name, texts[n] ?? null))
          .sort((a, b) => (a.key < b.key ? -1 : 1))
      }),
    // Asked of a replica this would only be late; what is done about it is decided by the head.
    due: (before, limit) =>
      attempt("due", WHOLE_STORE, async () => {
        const last = ["LIMIT", "0", String(limit)]
        const groups = await Promise.all(
          dueKeys.map((key) => command("ZRANGEBYSCORE", key, "-inf", `(${before}`, "WITHSCORES", ...last))
        )
        const found = (groups as string[][]).flatMap((pairs) =>
          pairs.flatMap((name, n) => (n % 2 === 0 ? [{ name, at: Number(pairs[n + 1]) }] : []))
        )
        const soonest = found.sort((a, b) => a.at - b.at).slice(0, limit)
        return soonest.map(({ name }) => fromText(name))
      }),
    snapshot: (thread) =>
      attempt("snapshot", thread, async (keys) => {
        const { found, trimmed } = await readSnapshot(connection, "snapshot", thread, keys)
        if (found === undefined && trimmed > 0) {
          throw corrupt("snapshot", thread, trimmed, "there is no whole snapshot of what was trimmed")
        }
        return found
      }),
    saveSnapshot: (thread, snapshot) =>
      attempt("saveSnapshot", thread, async (keys) => {
        const text = JSON.stringify(snapshot)
        const logId = toText(snapshot.logId)
        const sum = snapshotSum(keys.name, logId, snapshot.offset, text)
        await run(SAVE_SNAPSHOT, [keys.snapshot, keys.head], [logId, String(snapshot.offset), text, sum])
      }),
    trim: (thread, offset) => attempt("trim", thread, (keys) => trimEntries(connection, thread, keys, offset)),
    erase: (thread, erase) => attempt("erase", thread, (keys) => eraseEntries(connection, thread, keys, erase)),
    drop: (thread, logId) =>
      attempt("drop", thread, async (keys) => {
        // Read without its checksum: a damaged thread must be droppable.
        const found = await command("HGET", keys.head, "n").catch((cause: unknown) => {
          if (!isWrongType(cause)) throw cause
        })
        const n = writesOf(String(found)) + 1
        const all = [keys.head, keys.due, keys.entries, keys.notes, keys.noteKeys, keys.snapshot]
        const text = toText(logId)
        await run(DROP, all, [keys.name, text, String(n), positionSum(keys.name, text, 0, "", n)])
      })
  }
}

/**
 * A log in a Redis server, connected when the layer is built. Fails to build where the server does not answer, and
 * with `EvictingServer` where it may delete entries. Throws a `TypeError` for what cannot be a URL or a prefix.
 */
export const redisLog = (options: RedisLogOptions): Layer.Layer<ThreadLog, LogError | EvictingServer> => {
  const { prefix = "throughline:", timeoutMillis = 10_000, url } = options
  checkUrl(url)
  if (/[{}]/.test(prefix)) throw new TypeError("prefix must not contain braces: they choose the slot of a key")
  const open = Effect.tryPromise({
    try: async () => {
      const connection = await openConnection(url, timeoutMillis)
      try {
        return { connection, durability: await inspect(connection) }
      } catch (cause) {
        connection.close()
        throw cause
      }
    },
    catch: (cause) => (cause instanceof EvictingServer ? cause : toLogError("open", WHOLE_STORE, cause))
  })
  return Layer.effect(
    ThreadLog,
    Effect.map(
      Effect.acquireRelease(open, ({ connection }) => Effect.sync(() => connection.close())),
      ({ connection, durability }) => make(connection, durability, prefix)
    )
  )
}
