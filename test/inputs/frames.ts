/** Where bad frames go: the decoder, the fold, and the real client under virtual time. */
import { strict as assert } from "node:assert"
import * as Schema from "effect/Schema"
import { openThread } from "../../src/client/index.ts"
import type { Thread } from "../../src/client/thread.ts"
import type { Frame as AnyFrame } from "../../src/protocol/Entry.ts"
import type { Event } from "../../src/protocol/Event.ts"
import type { Fault } from "../../src/protocol/Fault.ts"
import { decodeFrame } from "../../src/protocol/guard.ts"
import { Frame } from "../../src/protocol/schema/Entry.ts"
import type { View } from "../../src/protocol/View.ts"
import { createFold } from "../../src/thread/fold.ts"
import { fakeBackend, fakeGateway, runEvents, viewOf } from "../client/fake.ts"
import { virtualClock } from "../client/virtual.ts"
import { entryOf } from "../thread/generate.ts"

const bySchema = Schema.decodeUnknownResult(Frame)
export const decode = (
  text: string
): { readonly fault?: Fault; readonly frame?: AnyFrame; readonly bySchema?: boolean } => {
  const decoded = decodeFrame(text)
  if (decoded.ok) return { frame: decoded.frame }
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return { fault: decoded.fault }
  }
  return { fault: decoded.fault, ...(text.length < 10_000 ? { bySchema: bySchema(parsed)._tag === "Success" } : {}) }
}

/** The view of these events after those that begin run `r` with the open part `p-r`. */
export const foldAfterRun = async (events: readonly object[], check: (view: View) => void): Promise<void> => {
  const fold = createFold()
  fold.apply(entryOf(1, runEvents.begin("r") as readonly Event[]))
  fold.apply(entryOf(2, events as readonly Event[]))
  check(fold.view)
}

type Next = (events: readonly object[], more?: object) => string
/**
 * A live client at offset 3 gets the frame. `then` is told what was shown before and right after it; later the client must
 * show the log as it is, also what is appended after.
 */
export const bringToClient = async (
  text: (next: Next) => string,
  then: (seen: {
    readonly before: string
    readonly after: string
    readonly thread: Thread
    readonly calls: (route: string) => number
  }) => void
): Promise<void> => {
  const clock = virtualClock(7)
  const backend = fakeBackend(clock)
  const gateway = fakeGateway(clock)
  for (const events of [runEvents.begin("r"), runEvents.delta("r", "a"), runEvents.delta("r", "b")])
    backend.append("t", events)
  const { entries, logId } = backend.log("t")
  const thread = openThread({
    endpoint: "/api",
    thread: "t",
    gateways: [gateway],
    fetch: backend.fetch,
    environment: clock
  })
  try {
    await clock.advance(100)
    assert.equal(thread.connection, "live")
    const before = JSON.stringify(thread.view)
    const asked = backend.calls.length
    const next: Next = (events, more = {}) =>
      JSON.stringify({ ...entries.at(-1)!, logId, offset: 4, id: "bad", prev: entries.at(-1)!.id, events, ...more })
    gateway.publish("t", text(next))
    const after = JSON.stringify(thread.view)
    await clock.advance(3_000)
    const calls = (route: string) => backend.calls.slice(asked).filter(({ path }) => path.endsWith(route)).length
    then({ before, after, thread, calls })
    gateway.publish("t", JSON.stringify(backend.append("t", runEvents.delta("r", "after"))))
    await clock.advance(10_000)
    assert.equal(JSON.stringify(thread.view), JSON.stringify({ ...viewOf(entries), logId }))
    assert.equal(thread.connection, "live")
  } finally {
    thread.close()
  }
}
