/** Faults in what people see: order of frames, gaps, folding, merging. */
import type { Mutant } from "../Mutant.ts"

const ORDER = "test/thread/order.test.ts"
const FOLD = "test/thread/fold.test.ts"
const VIEW = "test/thread/foldView.test.ts"
const MERGE = "test/thread/merge.test.ts"
const PATCH = "test/thread/patch.test.ts"
const CLIENT = "test/client/thread.test.ts"

const FITS = "entry.offset === offset + 1 && entry.prev === id && !isForeign(entry.logId)"

export const reading: readonly Mutant[] = [
  {
    name: "applies an entry that was applied before",
    rule: "ORDER-1",
    file: "src/thread/order.ts",
    find: FITS,
    replace: "entry.offset <= offset + 1 && !isForeign(entry.logId)",
    tests: [ORDER]
  },
  {
    name: "applies an entry behind a hole",
    rule: "ORDER-5",
    file: "src/thread/order.ts",
    find: FITS,
    replace: "entry.offset > offset && !isForeign(entry.logId)",
    tests: [ORDER]
  },
  {
    name: "does not compare an entry's prev",
    rule: "ORDER-1",
    file: "src/thread/order.ts",
    find: FITS,
    replace: "entry.offset === offset + 1 && !isForeign(entry.logId)",
    tests: [ORDER]
  },
  {
    name: "does not compare an entry's logId",
    rule: "ORDER-4",
    file: "src/thread/order.ts",
    find: FITS,
    replace: "entry.offset === offset + 1 && entry.prev === id",
    tests: [ORDER]
  },
  {
    name: "does not see that the newest entry has become another",
    rule: "ORDER-2",
    file: "src/thread/order.ts",
    find: `if (head.offset === offset && head.id !== id) return "changed"`,
    replace: "",
    tests: [ORDER]
  },
  {
    name: "does not apply what is held when the missing entry comes",
    rule: "ORDER-3",
    file: "src/thread/order.ts",
    find: "for (let item = held.get(offset + 1); item; item = held.get(offset + 1)) {",
    replace: "for (let item: Held | undefined; item; item = held.get(offset + 1)) {",
    tests: [ORDER]
  },
  {
    name: "never fetches what is missing",
    rule: "ORDER-3",
    file: "src/thread/order.ts",
    find: "gapAt = Math.min(gapAt, by)",
    replace: "gapAt = Infinity",
    tests: [ORDER]
  },
  {
    name: "asks for what is missing at once instead of waiting for it",
    rule: "ORDER-3",
    file: "src/thread/order.ts",
    find: "const gapWait = (now: number) => soon(now + GAP_WAIT_MILLIS)",
    replace: "const gapWait = (now: number) => soon(now - GAP_WAIT_MILLIS)",
    tests: [ORDER]
  },
  {
    name: "holds any number of entries",
    rule: "ORDER-3",
    file: "src/thread/order.ts",
    find: "(offset < 0 || entry.offset <= offset + MAX_HELD_ENTRIES) &&\n      held.size < MAX_HELD_ENTRIES &&",
    replace: "",
    tests: [ORDER]
  },
  {
    name: "holds any number of bytes",
    rule: "ORDER-3",
    file: "src/thread/order.ts",
    find: "heldBytes <= MAX_HELD_BYTES",
    replace: "heldBytes >= 0",
    tests: [ORDER]
  },
  {
    name: "does not ask the log after silence while a run is started",
    rule: "RECOVERY-4",
    file: "src/thread/order.ts",
    find: "(running ? SILENCE_MILLIS + 1_000 * jitter : IDLE_CHECK_MILLIS * (1 + jitter / 6))",
    replace: "(running ? 2 * IDLE_CHECK_MILLIS : IDLE_CHECK_MILLIS * (1 + jitter / 6))",
    tests: [ORDER]
  },
  {
    name: "takes copies of old entries for signs of life",
    rule: "RECOVERY-4",
    file: "src/thread/order.ts",
    find: "else if (frame.offset === offset) heardAt = now",
    replace: "else heardAt = now",
    tests: [ORDER]
  },
  {
    name: "drops what came while the view was taken",
    rule: "RECOVERY-3",
    file: "src/thread/order.ts",
    find: "for (const [at, item] of held) if (at <= offset || isForeign(item.entry.logId)) held.delete(at)",
    replace: "held.clear()",
    tests: [ORDER]
  },
  {
    name: "goes on with its view when a page does not continue it",
    rule: "ORDER-4",
    file: "src/client/follow.ts",
    find: `if (result === "changed" || (answer.cut && result === "nothing")) return lose()`,
    replace: "",
    tests: [CLIENT]
  },
  {
    name: "goes on with its view when it is told that the log has changed",
    rule: "RECOVERY-2",
    file: "src/client/follow.ts",
    find: ` || code === "LOG_CHANGED"`,
    replace: "",
    tests: [CLIENT]
  },
  {
    name: "goes on with its view when the log no longer holds what is missing",
    rule: "RECOVERY-2",
    file: "src/client/follow.ts",
    find: `code === "OFFSET_EXPIRED" || `,
    replace: "",
    tests: [CLIENT]
  },
  {
    name: "does not look at the log when something unreadable came",
    rule: "RECOVERY-4",
    file: "src/client/follow.ts",
    find: "badFrames++\n        order.suspect(now())",
    replace: "badFrames++",
    tests: [CLIENT]
  },
  {
    name: "changes a run that has ended",
    rule: "VIEW-1",
    file: "src/thread/fold.ts",
    find: "(run === undefined || !!place?.open || AT_ANY_TIME.has(fold)) &&",
    replace: "(run === undefined || !!place || AT_ANY_TIME.has(fold)) &&",
    tests: [VIEW]
  },
  {
    name: "does not count what it ignores",
    rule: "VIEW-1",
    file: "src/thread/fold.ts",
    find: "if (!fits) view.dropped++",
    replace: "",
    tests: [VIEW]
  },
  {
    name: "lets an older epoch start a run again",
    rule: "run.started",
    file: "src/thread/foldRun.ts",
    find: "if (epoch <= folding.view.runs[place.at]!.epoch) return false",
    replace: "",
    tests: [VIEW]
  },
  {
    name: "leaves in the view what a lost worker showed",
    rule: "run.started",
    file: "src/thread/foldRun.ts",
    find: "if (from !== undefined) rewind(folding, place, from)",
    replace: "",
    tests: [FOLD]
  },
  {
    name: "takes back what an epoch showed at `from` itself",
    rule: "run.started",
    file: "src/thread/foldRun.ts",
    find: "part.offset <= from ||",
    replace: "part.offset < from ||",
    tests: [FOLD]
  },
  {
    name: "shows a second answer to an ask",
    rule: "ASKS-1",
    file: "src/thread/foldRun.ts",
    find: "ask.run === event.run && !ask.answer,",
    replace: "ask.run === event.run,",
    tests: [FOLD]
  },
  {
    name: "merges deltas that carry more than their text",
    rule: "MERGE-1",
    file: "src/thread/merge.ts",
    find: `for (const key in event) if (key !== "type" && key !== "run" && key !== of && key !== text) return false`,
    replace: "",
    tests: [MERGE]
  },
  {
    name: "merges deltas of two parts",
    rule: "MERGE-1",
    file: "src/thread/merge.ts",
    find: `from["run"] === to["run"] && from[delta.of] === to[delta.of]`,
    replace: `from["run"] === to["run"]`,
    tests: [MERGE]
  },
  {
    name: "lets a patch reach a prototype",
    rule: "PATCH-2",
    file: "src/thread/patch.ts",
    find: `refuse("FORBIDDEN_KEY")`,
    replace: "",
    tests: [PATCH]
  },
  {
    name: "adds behind the end of an array",
    rule: "PATCH-1",
    file: "src/thread/patch.ts",
    find: "if (inserts && !isEnd) child(node, key)",
    replace: "",
    tests: [PATCH]
  }
]
