/** Faults in logs: what an append compares, and what it must not overwrite. */
import type { Mutant } from "../Mutant.ts"

const MEMORY = "test/adapters/logs/memory.test.ts"
const SQLITE = "test/adapters/logs/sqlite.test.ts"
const NOTES_THERE = "for (const note of notes) if (sql.note.get(key, toKey(note.key)) !== undefined) return undefined"

export const storing: readonly Mutant[] = [
  {
    name: "memory log: compares the expected head by its offset alone",
    rule: "LOG-1",
    file: "adapters/logs/memory/log.ts",
    find: ": expected.tag === String(thread.version) &&\n      expected.logId === thread.logId &&\n      expected.offset === thread.offset &&\n      expected.id === thread.id",
    replace: ": expected.offset === thread.offset",
    tests: [MEMORY]
  },
  {
    name: "memory log: overwrites a note that exists",
    rule: "LOG-2",
    file: "adapters/logs/memory/log.ts",
    find: `for (const note of notes) if (thread.notes.has(note.key)) return { _tag: "Conflict" }`,
    replace: "",
    tests: [MEMORY]
  },
  {
    name: "memory log: writes notes of an append that conflicts",
    rule: "LOG-1",
    file: "adapters/logs/memory/log.ts",
    find: `for (const note of notes) if (thread.notes.has(note.key)) return { _tag: "Conflict" }`,
    replace: `for (const note of notes) {
    if (thread.notes.has(note.key)) return { _tag: "Conflict" }
    thread.notes.set(note.key, note.value)
  }`,
    tests: [MEMORY]
  },
  {
    name: "memory log: keeps a knock when its turn was taken",
    rule: "LOG-4",
    file: "adapters/logs/memory/log.ts",
    find: "  thread.knock = null\n",
    replace: "",
    tests: [MEMORY]
  },
  {
    name: "memory log: lets others append over a knock",
    rule: "LOG-4",
    file: "adapters/logs/memory/log.ts",
    find: "thread.version += 1\n        thread.knock",
    replace: "thread.knock",
    tests: [MEMORY]
  },
  {
    name: "memory log: trims what no snapshot covers",
    rule: "LOG-3",
    file: "adapters/logs/memory/log.ts",
    find: "const to = Math.min(offset, thread.snapshot?.offset ?? 0)",
    replace: "const to = Math.min(offset, thread.offset)",
    tests: [MEMORY]
  },
  {
    name: "memory log: makes a trimmed offset writable again",
    rule: "LOG-3",
    file: "adapters/logs/memory/log.ts",
    find: "          thread.trimmed = to\n",
    replace: "          thread.trimmed = to\n          thread.offset = Math.min(thread.offset, to - 1)\n",
    tests: [MEMORY]
  },
  {
    name: "memory log: deletes a thread without leaving a new history",
    rule: "LOG-3",
    file: "adapters/logs/memory/log.ts",
    find: "threads.set(key, { ...empty(), logId, version: orNew(key).version + 1 })",
    replace: "threads.delete(key)",
    tests: [MEMORY]
  },
  {
    name: "SQLite log: compares the expected head by its offset alone",
    rule: "LOG-1",
    file: "adapters/logs/sqlite/statements.ts",
    find: `WHERE thread = ? AND log_id = ? AND "offset" = ? AND id = ? AND tag = ?`,
    replace: `WHERE thread = ? AND (log_id = ? OR 1) AND "offset" = ? AND (id = ? OR 1) AND (tag = ? OR 1)`,
    tests: [SQLITE]
  },
  {
    name: "SQLite log: overwrites a note that exists",
    rule: "LOG-2",
    file: "adapters/logs/sqlite/store.ts",
    find: NOTES_THERE,
    replace: `for (const note of notes) sql.dropNote.run(key, toKey(note.key))`,
    tests: [SQLITE]
  },
  {
    name: "SQLite log: keeps an old control where only it has changed",
    rule: "LOG-1",
    file: "adapters/logs/sqlite/store.ts",
    find: "if (expected.offset === 0 || control !== expected.control || due !== expected.due) {",
    replace: "if (expected.offset === 0 || due !== expected.due) {",
    tests: [SQLITE]
  }
]
