import { readFileSync } from "node:fs"
import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import { isEntry, type Entry } from "../../src/protocol/Entry.ts"
import { decodeFrame } from "../../src/protocol/guard.ts"
import { EVENTS, UNIONS } from "../../src/protocol/shapes.ts"
import { Frame } from "../../src/protocol/schema/Entry.ts"
import { goldenFrames } from "./frames.ts"

const entries = goldenFrames.map(([, text]) => JSON.parse(text) as Entry).filter(isEntry)
const events = entries.flatMap((entry) => entry.events as readonly Record<string, unknown>[])

describe("golden frames", () => {
  it.each(goldenFrames)("%s is accepted by guard and schema, unchanged", (_, text) => {
    const decoded = decodeFrame(text)
    expect(decoded).toEqual({ ok: true, frame: JSON.parse(text) })
    expect(Schema.decodeUnknownSync(Frame)(JSON.parse(text))).toEqual(JSON.parse(text))
    // Byte for byte: what was appended is what is published and what a client can store.
    expect(JSON.stringify(decoded.ok && decoded.frame)).toBe(text)
  })

  it("show every event type", () => {
    expect([...new Set(events.map((event) => event["type"]))].sort()).toEqual(
      [...Object.keys(EVENTS), "run.rated"].sort()
    )
  })

  it("show every field of every event", () => {
    for (const [type, line] of Object.entries(EVENTS)) {
      const shown = new Set(events.filter((event) => event["type"] === type).flatMap((event) => Object.keys(event)))
      const fields = [...line.matchAll(/(\w+)\??:/g)]
        .map(([, name]) => name)
        .filter((name) => name !== "run" && name !== "step")
      expect([...shown], type).toEqual(expect.arrayContaining(fields))
    }
  })

  it("show every outcome, answer, verdict, interrupt, part and patch operation", () => {
    const all = goldenFrames.map(([, text]) => text).join("\n")
    for (const [name, [tag, shapes]] of Object.entries(UNIONS)) {
      for (const word of Object.keys(shapes)) expect(all, name).toContain(`"${tag}":"${word}"`)
    }
  })

  it("join a surrogate pair that was split between two deltas", () => {
    const texts = ["text.delta", "text.delta.2"].map((name) => goldenFrames.find(([file]) => file === name)![1])
    const joined = texts
      .map((text) => decodeFrame(text))
      .flatMap((decoded) => (decoded.ok && isEntry(decoded.frame) ? decoded.frame.events : []))
    expect(joined.map((event) => (event as { text?: string }).text).join("")).toBe(
      "A client holds later entries back and asks for what is missing. 🔍"
    )
  })

  it("are the examples of PROTOCOL.md", () => {
    const document = readFileSync(new URL("../../src/protocol/PROTOCOL.md", import.meta.url), "utf8")
    const all = goldenFrames.map(([, text]) => text).join("\n")
    const examples = [...document.matchAll(/```json\n([^]*?)```/g)].flatMap(([, block]) => block!.trimEnd().split("\n"))
    expect(examples.length).toBeGreaterThan(30)
    for (const example of examples) expect(all).toContain(example)
  })
})
