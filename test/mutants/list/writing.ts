/** Faults in appending and publishing: durability, unknown outcomes, turns, frames. */
import type { Mutant } from "../Mutant.ts"

const PUBLISH = "test/writer/publish.test.ts"
const COMMIT = "test/writer/groupCommit.test.ts"
const UNKNOWN = "test/writer/unknown.test.ts"
const CONFLICT = "test/writer/conflict.test.ts"
const IDLE = "test/writer/idle.test.ts"
const SNAPSHOT = "test/writer/readView.test.ts"
const GROUPS = "test/writer/groups.test.ts"

const APPEND = "const settled = yield* settleAppend(log, thread, append, counters)"
const IS_OURS = "if (head.logId === append.logId && entries[0]?.id === append.entry.id) {"

export const writing: readonly Mutant[] = [
  {
    name: "publishes before the append is durable",
    rule: "MODEL-1",
    file: "src/writer/ThreadWriter.ts",
    find: APPEND,
    replace: `yield* publisher.send(append.entry.body)\n    ${APPEND}`,
    tests: [PUBLISH]
  },
  {
    name: "publishes something else than what was appended",
    rule: "MODEL-2",
    file: "src/writer/ThreadWriter.ts",
    find: "yield* publisher.send(append.entry.body)",
    replace: "yield* publisher.send(JSON.stringify({ ...JSON.parse(append.entry.body), sent: true }))",
    tests: [PUBLISH]
  },
  {
    name: "believes notes that it found before it knew the history",
    rule: "INTERRUPTS-1",
    file: "src/writer/ThreadWriter.ts",
    find: "history === undefined ? notes.size > 0 : head!.logId !== history",
    replace: "history !== undefined && head!.logId !== history",
    tests: [CONFLICT]
  },
  {
    name: "keeps what it knows of notes when the history is another",
    rule: "INTERRUPTS-1",
    file: "src/writer/ThreadWriter.ts",
    find: "    if (head !== undefined && next.logId !== head.logId) asked.clear()\n",
    replace: "",
    tests: [CONFLICT]
  },
  {
    name: "acknowledges before the append is durable",
    rule: "MODEL-3",
    file: "src/writer/ThreadWriter.ts",
    find: APPEND,
    replace: `tell(draft.batch, draft.outcomes)\n    ${APPEND}`,
    tests: [COMMIT]
  },
  {
    name: "appends without redaction",
    rule: "MODEL-4",
    file: "src/writer/draft.ts",
    find: "events: redact === undefined ? merged : merged.map((event) => redact(event, thread))",
    replace: "events: merged",
    tests: [COMMIT]
  },
  {
    name: "says what came after a commit of the same run before it",
    rule: "Model",
    file: "src/writer/Pending.ts",
    find: "grow: (owner, events, size, delta) => {\n      const last = list.length > taken ? list[list.length - 1] : undefined",
    replace:
      "grow: (owner, events, size, delta) => {\n      const last = list.findLast((each, at) => at >= taken && each.open?.owner === owner)",
    tests: [COMMIT]
  },
  {
    name: "adds to a batch that is being appended",
    rule: "MODEL-3",
    file: "src/writer/Pending.ts",
    find: "growDelta: (owner, type, part, text) => {\n      const last = list.length > taken ? list[list.length - 1] : undefined",
    replace: "growDelta: (owner, type, part, text) => {\n      const last = list.at(-1)",
    tests: [COMMIT]
  },
  {
    name: "decides a repeat in the same batch as if it were new",
    rule: "IDEMPOTENCY-1",
    file: "src/writer/draft.ts",
    find: "for (const note of decision.notes) grown.set(note.key, note.value)",
    replace: "",
    tests: [COMMIT]
  },
  {
    name: "does not read back after a conflict",
    rule: "OUTCOME-1",
    file: "src/writer/settle.ts",
    find: IS_OURS,
    replace: IS_OURS.replace("(head", `(result._tag !== "Conflict" && head`),
    tests: [UNKNOWN]
  },
  {
    name: "does not read back after an unknown outcome",
    rule: "OUTCOME-1",
    file: "src/writer/settle.ts",
    find: IS_OURS,
    replace: IS_OURS.replace("(head", `(result._tag === "Conflict" && head`),
    tests: [UNKNOWN]
  },
  {
    name: "looks for its entry at the head instead of behind the expected one",
    rule: "OUTCOME-1",
    file: "src/writer/settle.ts",
    find: "entries[0]?.id === append.entry.id",
    replace: "head.id === append.entry.id",
    tests: [UNKNOWN]
  },
  {
    name: "sends another entry while an outcome is unknown",
    rule: "OUTCOME-2",
    file: "src/writer/settle.ts",
    find: `if (result._tag === "Conflict") return { won: false, head } as Settled`,
    replace: "return { won: false, head } as Settled",
    tests: [UNKNOWN]
  },
  {
    name: "keeps its own control under a head that somebody else has moved on",
    rule: "DECIDE-1",
    file: "src/writer/ThreadWriter.ts",
    find: "const newest = settled.head.offset === append.entry.offset",
    replace: "const newest = true",
    tests: [UNKNOWN]
  },
  {
    name: "decides on the old control after a conflict",
    rule: "DECIDE-1",
    file: "src/writer/ThreadWriter.ts",
    find: "else if (head?.tag !== next.tag || head.logId !== next.logId) control",
    replace: "else if (head === undefined) control",
    tests: [CONFLICT]
  },
  {
    name: "never knocks",
    rule: "LOG-4",
    file: "src/writer/ThreadWriter.ts",
    find: "return losses < 2 ? theirs : Effect.andThen(theirs, knock)",
    replace: "return theirs",
    tests: [CONFLICT]
  },
  {
    name: "does not stand aside for a foreign knock",
    rule: "LOG-4",
    file: "src/writer/ThreadWriter.ts",
    find: "const othersTurn = () => head!.knock !== null",
    replace: "const othersTurn = () => head!.knock === undefined",
    tests: [CONFLICT]
  },
  {
    name: "stands aside for seconds",
    rule: "LOG-4",
    file: "src/writer/ThreadWriter.ts",
    find: "const KNOCK_MILLIS = 250",
    replace: "const KNOCK_MILLIS = 5_000",
    tests: [CONFLICT]
  },
  {
    name: "knocks over the knock of who waited longer",
    rule: "LOG-4",
    file: "src/writer/ThreadWriter.ts",
    find: "const theirs = othersTurn() ? standAside : Effect.void",
    replace: "const theirs = Effect.void",
    tests: [CONFLICT]
  },
  {
    name: "does not tell the worker elsewhere that there is something to hear",
    rule: "CANCEL-1",
    file: "src/writer/ThreadWriter.ts",
    find: "yield* tellWorkers(batch)",
    replace: "",
    tests: [CONFLICT]
  },
  {
    name: "sends a frame that is larger than the gateway takes",
    rule: "HEAD-2",
    file: "src/writer/Publisher.ts",
    find: "if (frame.length * 3 > limit && Buffer.byteLength(frame) > limit) sendHead()",
    replace: "if (limit < 0) sendHead()",
    tests: [PUBLISH]
  },
  {
    name: "publishes while another publish is in flight",
    rule: "DELIVERY-2",
    file: "src/writer/Publisher.ts",
    find: "if (inFlight !== undefined || now() < notBefore) {\n          owed = true",
    replace: "if (now() < notBefore) {\n          owed = true",
    tests: [PUBLISH]
  },
  {
    name: "repeats a publish that failed",
    rule: "DELIVERY-2",
    file: "src/writer/Publisher.ts",
    find: "counters.publishFailed++",
    replace: "counters.publishFailed++\n      owed = !isHead",
    tests: [PUBLISH]
  },
  {
    name: "never abandons a publish that hangs",
    rule: "DELIVERY-3",
    file: "src/writer/Publisher.ts",
    find: "if (age >= ABANDON_MILLIS) inFlight.fiber.interruptUnsafe()",
    replace: "",
    tests: [PUBLISH]
  },
  {
    name: "holds up the log for a publish that hangs",
    rule: "DELIVERY-3",
    file: "src/writer/Publisher.ts",
    find: "if (age >= WAIT_MILLIS) release()",
    replace: "",
    tests: [PUBLISH]
  },
  {
    name: "sends no head frame while a run is silent",
    rule: "HEAD-3",
    file: "src/writer/Writers.ts",
    find: "if (time - writer.lastPublishAt() >= HEAD_FRAME_MILLIS) writer.publishHead()",
    replace: "",
    tests: [IDLE]
  },
  {
    name: "keeps the name of a group when access was revoked",
    rule: "SECURITY-1",
    file: "src/writer/Groups.ts",
    find: 'name("t", `${thread}\\0${generation}`)',
    replace: 'name("t", generation < 0 ? "" : thread)',
    tests: [GROUPS]
  },
  {
    name: "makes group names that anybody can compute",
    rule: "SECURITY-1",
    file: "src/writer/Groups.ts",
    find: 'createHmac("sha256", secret)',
    replace: 'createHmac("sha256", "")',
    tests: [GROUPS]
  },
  {
    name: "goes on from a saved view that was changed",
    rule: "VIEW-2",
    file: "src/writer/readView.ts",
    find: "&& saved.hash === hashOf(saved.view) ? saved",
    replace: "? saved",
    tests: [SNAPSHOT]
  },
  {
    name: "goes on from a saved view that another version has folded",
    rule: "VIEW-2",
    file: "src/writer/readView.ts",
    find: "saved.foldVersion === FOLD_VERSION",
    replace: "saved.foldVersion > 0",
    tests: [SNAPSHOT]
  },
  {
    name: "goes on from the saved view of another log",
    rule: "VIEW-2",
    file: "src/writer/readView.ts",
    find: "if (saved !== undefined && head.logId !== saved.logId) {",
    replace: "if (saved !== undefined && head.logId === undefined) {",
    tests: [SNAPSHOT]
  }
]
