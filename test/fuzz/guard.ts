/** The guard of frames: bytes, a grammar and damaged golden frames. What passes is safe, and the schemas pass it too. */
import { strict as assert } from "node:assert"
import * as Schema from "effect/Schema"
import { readFrame } from "../../src/client/frame.ts"
import { FAULTS, type Fault } from "../../src/protocol/Fault.ts"
import { checkEntry, checkEvent, decodeFrame } from "../../src/protocol/guard.ts"
import { Frame } from "../../src/protocol/schema/Entry.ts"
import { Event } from "../../src/protocol/schema/Event.ts"
import { randomOf } from "../thread/generate.ts"
import { bytes, damaged, damagedFrame, damagedText, goldenEvents, written } from "./generate.ts"
import { target } from "./harness.ts"

/** Says of a value that passed, without the guard's own code, that it can harm nobody. */
export const assertHarmless = (value: unknown, depth = 0): void => {
  if (typeof value === "number") assert.ok(Number.isFinite(value), "a number that JSON has not")
  if (typeof value !== "object" || value === null) return
  assert.ok(depth < 80, "deeper than anything may be")
  for (const [key, inner] of Object.entries(value)) {
    assert.notEqual(key, "__proto__")
    if (key === "constructor" && typeof inner === "object" && inner !== null && !Array.isArray(inner))
      assert.ok(!Object.hasOwn(inner, "prototype"), "a constructor with a prototype")
    assertHarmless(inner, depth + 1)
  }
}
/** A refusal is one of the catalogue's, says what to do, and repeats little and nothing dangerous. */
export const assertFault = (fault: Fault): void => {
  const kind = FAULTS[fault.code as keyof typeof FAULTS]
  assert.ok(kind !== undefined, `the code ${fault.code} is in no catalogue`)
  assert.equal(fault.retryable, kind.retryable)
  assert.ok(fault.message.length > 0 && fault.message.length < 1_000, `a message of ${fault.message.length} characters`)
  assert.doesNotMatch(fault.message, /[\u0000-\u001f\u007f-\u009f]|\n\s+at |node_modules/)
  assert.ok(typeof (fault.path ?? "") === "string")
}
const isFrame = Schema.is(Frame)
const isEvent = Schema.is(Event)

const checkText = (text: string): void => {
  const decoded = decodeFrame(text)
  if (!decoded.ok) return assertFault(decoded.fault)
  const { frame } = decoded
  assertHarmless(frame)
  assert.ok(isFrame(frame), "the schema refuses it")
  assert.ok(decodeFrame(JSON.stringify(frame)).ok, "it does not pass again")
  assert.ok(readFrame(text) !== undefined, "the browser's check refuses it")
  if ("events" in frame) {
    assert.ok(checkEntry(frame).ok)
    for (const event of frame.events) assert.ok(checkEvent(event).ok)
  }
}
const checkValue = (value: unknown): void => {
  const checked = checkEvent(value)
  if (checked.ok) assertHarmless(checked.event)
  else assertFault(checked.fault)
  // recursive, so that what is far too deep is not for it; slow, so that it looks at some
  if (randomOf(JSON.stringify(value)?.length ?? 0).chance(0.1))
    assert.equal(isEvent(value), checked.ok, "the schema does not agree")
}
const pure =
  <I>(make: (random: Parameters<typeof bytes>[0]) => I, check: (input: I) => void) =>
  () => ({ make, check })

export const guardTargets = [
  target("frames of any bytes", 50_000, pure(bytes, checkText)),
  target(
    "frames by JSON's grammar",
    20_000,
    pure((random) => written(random).text, checkText)
  ),
  target("golden frames, their text damaged", 20_000, pure(damagedText, checkText)),
  target(
    "golden frames, their values damaged",
    10_000,
    pure(damagedFrame, (value) => checkText(JSON.stringify(value) ?? ""))
  ),
  target(
    "golden events, their values damaged",
    20_000,
    pure((random) => damaged(random, random.pick(goldenEvents)), checkValue)
  )
]
