import { readdirSync } from "node:fs"
import { describe, expect, it } from "vitest"
import type { KnownEvent } from "throughline/client"
import { folderOf, handbook } from "../examples/librarian/folder.ts"
import { command } from "./command.ts"
import { gateways } from "./gateways.ts"

const manual = { "order.md": "# Order\n\n## Gaps\n\nA gap is repaired with one bounded request.\n" }
const eventsOf = (out: string): KnownEvent[] =>
  out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as KnownEvent)

describe.each(gateways)("--ask over $gateway", ({ gateway, missing }) => {
  it.skipIf(missing !== undefined)("prints the run as people read it, and exits 0", async () => {
    const asked = command(
      "start",
      "--docs",
      await folderOf(manual),
      "--gateway",
      gateway,
      "--ask",
      "How are gaps repaired?"
    )
    expect(await asked.ended, asked.err()).toBe(0)
    expect(asked.out()).toContain("✓ Search for “How are gaps repaired?”")
    expect(asked.out()).toContain("✓ Read order.md#gaps")
    expect(asked.out()).toContain("> A gap is repaired with one bounded request.")
    expect(asked.out()).toMatch(/Sources\n {2}order\.md#gaps\n\nCompleted\n$/)
    expect(asked.out()).not.toContain("\u001b")
    expect(asked.err()).toBe("")
  })
  it.skipIf(missing !== undefined)(
    "prints one protocol event per line with --json, the last being run.finished",
    async () => {
      const asked = command(
        "start",
        "--docs",
        await folderOf(manual),
        "--gateway",
        gateway,
        "--ask",
        "How are gaps repaired?",
        "--json"
      )
      expect(await asked.ended, asked.err()).toBe(0)
      const events = eventsOf(asked.out())
      expect(
        events
          .slice(0, 3)
          .map(({ type }) => type)
          .toSorted()
      ).toEqual(["message.posted", "run.accepted", "run.started"])
      expect(events.at(-1)).toMatchObject({
        type: "run.finished",
        outcome: { type: "completed", result: { cited: 1, sections: 1 } }
      })
      expect(events.filter(({ type }) => type === "run.finished")).toHaveLength(1)
    }
  )
})

describe("--ask for a note", () => {
  const asking = async (...flags: readonly string[]) => {
    const docs = await folderOf(manual)
    const asked = command("start", "--docs", docs, "--gateway", "ws", "--ask", "Write a note about gaps", ...flags)
    const code = await asked.ended
    return { asked, code, files: readdirSync(docs).toSorted() }
  }
  it("shows what would be written, and writes it with --approve", async () => {
    const { asked, code, files } = await asking("--approve")
    expect(code, asked.err()).toBe(0)
    expect(asked.out()).toContain("? Write a new note, note-gaps.md?\n  path: note-gaps.md\n  text: \n  | # Gaps\n")
    expect(asked.out()).toContain("· approved by you")
    expect(files).toEqual(["note-gaps.md", "order.md"])
    expect(asked.err()).toBe("")
  })
  it("writes nothing with --deny, and prints events as ever with --json", async () => {
    const { asked, code, files } = await asking("--deny", "--json")
    expect(code, asked.err()).toBe(0)
    const events = eventsOf(asked.out())
    expect(events.filter(({ type }) => type.startsWith("ask."))).toMatchObject([
      { type: "ask.opened", input: { path: "note-gaps.md" } },
      { type: "ask.resolved", answer: { type: "denied" }, by: "you" }
    ])
    expect(events.at(-1)).toMatchObject({ type: "run.finished", outcome: { type: "completed" } })
    expect(files).toEqual(["order.md"])
  })
  it("denies it where nobody sits at a terminal, and says so", async () => {
    const { asked, code, files } = await asking()
    expect(code, asked.err()).toBe(0)
    expect(asked.err()).toContain("It is denied, because nobody can be asked here")
    expect(asked.out()).toContain("The note was refused: “nobody was at the terminal”.")
    expect(files).toEqual(["order.md"])
  })
})

describe("--ask", () => {
  it("cancels the run on Ctrl-C, shows that it ended, and exits 130", async () => {
    const asked = command(
      "start",
      "--docs",
      await folderOf(handbook(3_000)),
      "--ask",
      "How is watering done?",
      "--depth",
      "all",
      "--json"
    )
    await asked.until(/"type":"source\.cited"/)
    asked.child.kill("SIGINT")
    expect(await asked.ended, asked.err()).toBe(130)
    expect(eventsOf(asked.out()).at(-1)).toMatchObject({ type: "run.finished", outcome: { type: "cancelled" } })
  })
  it("ends quietly when nobody reads its output any more", async () => {
    const asked = command(
      "start",
      "--docs",
      await folderOf(handbook(3_000)),
      "--ask",
      "How is watering done?",
      "--depth",
      "all"
    )
    await asked.until(/Search for/)
    asked.child.stdout?.destroy()
    await asked.ended
    expect(asked.err()).toBe("")
  })
})
