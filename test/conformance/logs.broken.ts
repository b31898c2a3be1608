/** Logs that each break one promise of the port, over the memory log. The conformance cases must find every one. */
import * as Effect from "effect/Effect"
import type { MemoryStore } from "../../adapters/logs/memory/log.ts"
import { LogError } from "../../src/ports/LogError.ts"
import type { Append, Head, Snapshot, ThreadLogService } from "../../src/ports/ThreadLog.ts"

export interface BrokenLog {
  readonly name: string
  /** Part of the name of a case that must not hold. */
  readonly found: RegExp
  readonly make: (log: ThreadLogService, store: MemoryStore) => Partial<ThreadLogService>
}
/** The append as if the caller had seen `head`. */
const on = (head: Head, append: Append): Append => ({
  ...append,
  expected: head,
  logId: head.logId === "" ? append.logId : head.logId,
  entry: { ...append.entry, offset: head.offset + 1 }
})

export const brokenLogs: readonly BrokenLog[] = [
  {
    name: "compares offsets only",
    found: /whole head/,
    make: (log) => ({
      append: (thread, append) =>
        Effect.flatMap(log.head(thread), (head) =>
          head.offset === append.expected.offset ? log.append(thread, on(head, append)) : log.append(thread, append)
        )
    })
  },
  {
    name: "retries a conflict at the next offset",
    found: /exactly one appends/,
    make: (log) => ({
      append: (thread, append) =>
        Effect.flatMap(log.append(thread, append), (result) =>
          result._tag !== "Conflict" || append.notes.length > 0
            ? Effect.succeed(result)
            : Effect.flatMap(log.head(thread), (head) => log.append(thread, on(head, append)))
        )
    })
  },
  {
    name: "compares the absence of the entry, so that a trimmed offset is free again",
    found: /trimmed offset/,
    make: (log, store) => ({
      append: (thread, append) =>
        Effect.flatMap(log.append(thread, append), (result) => {
          const trimmed = store.threads.get(thread)?.trimmed ?? 0
          const free = result._tag === "Conflict" && append.entry.offset <= trimmed
          return Effect.succeed(free ? { _tag: "Appended" as const, head: append.expected } : result)
        })
    })
  },
  {
    name: "takes a repeated request for a success",
    found: /delivered again later|response lost/,
    make: (log, store) => ({
      append: (thread, append) =>
        store.threads.get(thread)?.entries.some((entry) => entry.id === append.entry.id) === true
          ? Effect.map(log.head(thread), (head) => ({ _tag: "Appended" as const, head }))
          : log.append(thread, append)
    })
  },
  {
    name: "writes notes outside the atomic step",
    found: /note whose key exists/,
    make: (log, store) => ({
      append: (thread, append) => {
        const known = store.threads.get(thread)?.notes
        const fresh = append.notes.filter((note) => known?.has(note.key) !== true)
        return Effect.map(log.append(thread, { ...append, notes: fresh }), (result) =>
          fresh.length < append.notes.length ? { _tag: "Conflict" as const } : result
        )
      }
    })
  },
  {
    name: "forgets to clear the knock",
    found: /cleared by the next append/,
    make: (log, store) => ({
      append: (thread, append) => {
        const knock = store.threads.get(thread)?.knock ?? null
        return Effect.tap(log.append(thread, append), () =>
          Effect.sync(() => {
            const after = store.threads.get(thread)
            if (after !== undefined) after.knock = knock
          })
        )
      }
    })
  },
  {
    name: "knocks without touching the head's tag",
    found: /a knock names who waits/,
    make: (log) => ({
      knock: (thread, by) => Effect.map(log.head(thread), (head) => ({ ...head, knock: { by, at: head.now } }))
    })
  },
  {
    name: "reads from a replica that is one append behind",
    found: /seen by every later read/,
    make: (log) => ({
      read: (thread, after, options) =>
        Effect.map(log.read(thread, after, options), (page) =>
          page.entries.at(-1)?.offset === page.head.offset ? { ...page, entries: page.entries.slice(0, -1) } : page
        )
    })
  },
  {
    name: "forgets everything at drop",
    found: /dropped/,
    make: (_, store) => ({ drop: (thread) => Effect.sync(() => void store.threads.delete(thread)) })
  },
  {
    name: "trims what no snapshot covers",
    found: /nothing uncovered is trimmed/,
    make: (_, store) => ({
      trim: (thread, offset) =>
        Effect.sync(() => {
          const found = store.threads.get(thread)
          if (found === undefined) return 0
          found.entries = found.entries.filter((entry) => entry.offset > offset)
          found.trimmed = offset
          return offset
        })
    })
  },
  {
    name: "serves what is left of a trimmed log as if it were all",
    found: /what was trimmed expires/,
    make: (log, store) => ({
      read: (thread, after, options) =>
        Effect.catchIf(
          log.read(thread, after, options),
          (error) => error instanceof LogError && error.reason._tag === "OffsetExpired",
          () => log.read(thread, store.threads.get(thread)?.trimmed ?? 0, options)
        )
    })
  },
  {
    name: "ignores maxBytes",
    found: /keeps limit and maxBytes/,
    make: (log) => ({ read: (thread, after, { limit }) => log.read(thread, after, { limit, maxBytes: 1e12 }) })
  },
  {
    name: "keeps the snapshot that was saved last",
    found: /highest offset/,
    make: (_, store) => ({
      saveSnapshot: (thread, snapshot: Snapshot) =>
        Effect.sync(() => {
          const found = store.threads.get(thread)
          if (found !== undefined) found.snapshot = snapshot
        })
    })
  },
  {
    name: "encodes bodies anew",
    found: /texts of every kind/,
    make: (log) => ({
      append: (thread, append) =>
        log.append(thread, { ...append, entry: { ...append.entry, body: Buffer.from(append.entry.body).toString() } })
    })
  },
  {
    name: "takes thread names without regard to case",
    found: /threads of one tenant/,
    make: (log) => ({
      append: (thread, append) => log.append(thread.toLowerCase(), append),
      head: (thread) => log.head(thread.toLowerCase()),
      read: (thread, after, options) => log.read(thread.toLowerCase(), after, options)
    })
  },
  {
    name: "updates due only when control changes",
    found: /due/,
    make: (log) => ({
      append: (thread, append) =>
        log.append(
          thread,
          append.control === append.expected.control ? { ...append, due: append.expected.due } : append
        )
    })
  }
]
