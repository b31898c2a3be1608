import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import { checkEntry, checkEvent, decodeFrame } from "../../src/protocol/guard.ts"
import {
  checkGrantRequest,
  checkInterrupt,
  checkPostMessage,
  checkSocketInterrupt,
  checkStartRun
} from "../../src/protocol/guardRequest.ts"
import { jsonFault } from "../../src/protocol/JsonValue.ts"
import { EVENTS } from "../../src/protocol/shapes.ts"
import { Entry, Frame } from "../../src/protocol/schema/Entry.ts"
import { Event, EventByType, KnownEvent, UnknownEvent } from "../../src/protocol/schema/Event.ts"
import * as Exchange from "../../src/protocol/schema/Exchange.ts"
import { UserInterrupt } from "../../src/protocol/schema/UserInterrupt.ts"
import { goldenFrames } from "./frames.ts"
import { everyMutation, mutate, seeded } from "./mutate.ts"

const TYPES = [...Object.keys(EventByType), "later.event", "", "text", "ok", "add", "constructor"]
const sample = <A>(schema: Schema.Codec<A, never> | Schema.Codec<A>, count: number, seed: number): readonly A[] =>
  Effect.runSync(Arbitrary.sampleEffect(Arbitrary.schema(schema as Schema.Codec<A>), { count, size: 4, seed }))

/** Compares the two verdicts on generated values and on damaged copies of them; answers how many were accepted and refused. */
const compare = (
  values: readonly unknown[],
  copies: number,
  seed: number,
  bySchema: (value: unknown) => boolean,
  byGuard: (value: unknown) => boolean
): { accepted: number; refused: number } => {
  const random = seeded(seed)
  const count = { accepted: 0, refused: 0 }
  const look = (value: unknown): void => {
    const expected = bySchema(value)
    if (byGuard(value) !== expected) {
      expect.fail(
        `the schema ${expected ? "accepts" : "refuses"} and the guard does not agree (seed ${seed}): ${show(value)}`
      )
    }
    count[expected ? "accepted" : "refused"] += 1
  }
  for (const value of values) {
    look(value)
    for (let copy = 0; copy < copies; copy += 1) {
      let damaged = mutate(value, random, TYPES)
      if (copy % 3 === 2) damaged = mutate(damaged, random, TYPES)
      look(damaged)
    }
  }
  return count
}
const show = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    inner === undefined ? "(undefined)" : inner === Infinity ? "(Infinity)" : inner
  )

describe("guard and schemas", () => {
  it("have a line and a schema for the same event types", () => {
    expect(Object.keys(EVENTS).sort()).toEqual(Object.keys(EventByType).sort())
  })

  it("agree on 100,000 events and damaged events", { timeout: 60_000 }, () => {
    const isEvent = Schema.is(Event)
    const total = { accepted: 0, refused: 0 }
    const schemas: readonly Schema.Codec<unknown>[] = [
      ...(Object.values(EventByType) as readonly Schema.Codec<unknown>[]),
      UnknownEvent
    ]
    schemas.forEach((schema, index) => {
      const { accepted, refused } = compare(
        sample(schema, 300, index + 1),
        11,
        index + 1,
        isEvent,
        (value) => checkEvent(value).ok
      )
      total.accepted += accepted
      total.refused += refused
    })
    expect(total.accepted + total.refused).toBeGreaterThanOrEqual(100_000)
    // Both verdicts must be common, or the comparison says little.
    expect(total.accepted).toBeGreaterThan(25_000)
    expect(total.refused).toBeGreaterThan(25_000)
  })

  it("agree when any field of any golden event is any other value", { timeout: 60_000 }, () => {
    const isEvent = Schema.is(Event)
    const events = goldenFrames.flatMap(
      ([, text]) => (JSON.parse(text) as { events?: readonly unknown[] }).events ?? []
    )
    const damaged = events.flatMap((event) => [...everyMutation(event)])
    const count = compare(damaged, 0, 0, isEvent, (value) => checkEvent(value).ok)
    expect(Math.min(count.accepted, count.refused)).toBeGreaterThan(5_000)
  })

  it("agree on entries and on frames as text", { timeout: 60_000 }, () => {
    const entries = sample(Entry as Schema.Codec<unknown>, 400, 7)
    const isEntry = Schema.is(Entry)
    const isFrame = Schema.is(Frame)
    const whole = compare(entries, 12, 7, isEntry, (value) => checkEntry(value).ok)
    const frames = compare(
      [...entries, ...sample(Frame as Schema.Codec<unknown>, 400, 8)],
      8,
      8,
      (value) => value !== undefined && isFrame(JSON.parse(JSON.stringify(value))),
      (value) => decodeFrame(value === undefined ? "" : JSON.stringify(value)).ok
    )
    for (const count of [whole, frames]) expect(Math.min(count.accepted, count.refused)).toBeGreaterThan(500)
  })

  it("agree on what clients send", { timeout: 60_000 }, () => {
    const pairs: readonly (readonly [Schema.Codec<unknown>, (value: unknown) => { readonly ok: boolean }])[] = [
      [UserInterrupt, checkInterrupt],
      [Exchange.SocketInterrupt, checkSocketInterrupt],
      [Exchange.PostMessage, checkPostMessage],
      [Exchange.StartRun, checkStartRun],
      [Exchange.GrantRequest, checkGrantRequest]
    ] as never
    for (const [schema, check] of pairs) {
      const is = Schema.is(schema)
      // Limits of depth and keys hold for a request as a whole.
      const bySchema = (value: unknown): boolean => is(value) && jsonFault(value) === undefined
      const count = compare(sample(schema, 300, 11), 10, 11, bySchema, (value) => check(value).ok)
      expect(Math.min(count.accepted, count.refused)).toBeGreaterThan(200)
    }
  })

  it("hand an accepted event on as it came, unknown fields and all", () => {
    const decode = Schema.decodeUnknownSync(Event)
    for (const event of sample(KnownEvent as Schema.Codec<unknown>, 300, 21)) {
      const parsed: unknown = JSON.parse(JSON.stringify(event))
      const checked = checkEvent(parsed)
      expect(checked.ok && checked.event).toBe(parsed)
      expect(decode(parsed)).toEqual(parsed)
    }
  })
})
