import { writeFileSync } from "node:fs"
import { chmod, mkdir, readdir, readFile, symlink } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import type { KnownEvent } from "throughline/client"
import { testAgent } from "throughline/testing"
import { createLibrarian } from "../../../examples/librarian/agent.ts"
import { openLibrary } from "../../../examples/librarian/library.ts"
import { draftNote, Note, noteWish } from "../../../examples/librarian/notes.ts"
import { writeNote } from "../../../examples/librarian/writeNote.ts"
import { folderOf } from "./folder.ts"

const manual = { "order.md": "# Order\n\n## Gaps\n\nA gap is repaired with one bounded request.\n" }
const PATH = "note-gaps-repaired.md"
const NOTE =
  "# How gaps are repaired\n\n**Gaps** · [order.md](order.md)\n\n> A gap is repaired with one bounded request.\n"
/** Asks for the note and answers the ask. */
const write = async (
  folder: string,
  answer: object,
  question = "Write a note about how gaps are repaired",
  between: () => void = () => {}
) => {
  const asked: KnownEvent[] = []
  const tested = await testAgent(createLibrarian({ library: await openLibrary(folder), holdSeconds: 60 }), {
    input: { question },
    interruptAt: (event) => {
      if (event.type !== "ask.opened") return undefined
      asked.push(event)
      between()
      return {
        kind: "answer",
        ask: event.ask,
        answer,
        ...(event.digest === undefined ? {} : { digest: event.digest })
      } as never
    }
  })
  return { ...tested, asked: asked as Extract<KnownEvent, { readonly type: "ask.opened" }>[] }
}

describe("a wish for a note", () => {
  it.each([
    ["Write a note about gaps and retries.", { type: "about", subject: "gaps and retries" }],
    ["please make me a short note on watering", { type: "about", subject: "watering" }],
    ["How are gaps repaired? And save it as a note", { type: "about", subject: "How are gaps repaired" }],
    ["Save that", { type: "that" }],
    ["save this as a note.", { type: "that" }],
    ["Make a note of that", { type: "that" }],
    ["write it down", { type: "that" }]
  ])("is heard in “%s”", (question, wish) => expect(noteWish(question)).toEqual(wish))
  it.each(["How do I save the file?", "What does a note hold?", "Where are notes kept?", "write a poem about notes"])(
    "is not heard in “%s”",
    (question) => expect(noteWish(question)).toBeUndefined()
  )
})

describe("the librarian, asked for a note", () => {
  it("shows what it would write, writes it once when it is approved, and finds it afterwards", async () => {
    const folder = await folderOf(manual)
    const { asked, events, outcome, text } = await write(folder, { type: "approved" })
    expect(asked).toMatchObject([
      { kind: "approval", name: "write_note", input: { path: PATH, text: NOTE, before: null } }
    ])
    expect(asked[0]?.schema).toMatchObject({ type: "object", required: ["path", "text", "before"] })
    expect(outcome).toEqual({ type: "completed", result: { cited: 1, sections: 1, note: PATH } })
    expect(await readFile(join(folder, PATH), "utf8")).toBe(NOTE)
    expect((await readdir(folder)).toSorted()).toEqual([PATH, "order.md"])
    expect(events.filter((event) => event.type === "tool.started" && event.name === "write_note")).toHaveLength(1)
    expect(text).toContain(`The note is in \`${PATH}\`.`)
    const library = await openLibrary(folder)
    expect(library.search("gaps").map(({ section }) => section.path)).toContain(PATH)
  })
  it("writes what people made of it", async () => {
    const folder = await folderOf(manual)
    const input = { path: "mine.md", text: "# Mine\n", before: null }
    const { outcome, text } = await write(folder, { type: "approved", input })
    expect(outcome).toMatchObject({ result: { note: "mine.md" } })
    expect(await readFile(join(folder, "mine.md"), "utf8")).toBe("# Mine\n")
    expect(text).toContain("as you changed it")
  })
  it("writes nothing when it is refused, and says why", async () => {
    const folder = await folderOf(manual)
    const { outcome, text } = await write(folder, { type: "denied", reason: "not now" })
    expect(outcome).toEqual({ type: "completed", result: { cited: 1, sections: 1 } })
    expect(await readdir(folder)).toEqual(["order.md"])
    expect(text).toContain("The note was refused: “not now”. Nothing was written.")
  })
  it("shows the file that it would change, and leaves alone one that was changed meanwhile", async () => {
    const folder = await folderOf({ ...manual, [PATH]: "# Old\n" })
    const changed = () => writeFileSync(join(folder, PATH), "# Theirs\n")
    const { asked, outcome, text } = await write(folder, { type: "approved" }, undefined, changed)
    expect(asked[0]?.input).toMatchObject({ before: "# Old\n" })
    expect(outcome).toEqual({ type: "completed", result: { cited: 1, sections: 1 } })
    expect(await readFile(join(folder, PATH), "utf8")).toBe("# Theirs\n")
    expect(text).toContain("was changed by somebody else meanwhile")
  })
  it("does not ask about a note that says the same already", async () => {
    const folder = await folderOf({ ...manual, [PATH]: NOTE })
    const { asked, outcome, text } = await write(folder, { type: "approved" })
    expect(asked).toEqual([])
    expect(outcome).toMatchObject({ type: "completed" })
    expect(text).toContain(`The note \`${PATH}\` says exactly this already.`)
  })
  it("does not quote notes in notes", async () => {
    const folder = await folderOf({ "note-tea.md": "# Tea\n\nBrew it for four minutes.\n" })
    const { asked, text } = await write(folder, { type: "approved" }, "Write a note about tea")
    expect(asked).toEqual([])
    expect(text).toContain("There is nothing here that is not in a note already.")
  })
  it("keeps the answer before, with the question as its title", async () => {
    const library = await openLibrary(await folderOf(manual))
    const { events } = await testAgent(createLibrarian({ library }), {
      input: { question: "Save that" },
      history: [
        { role: "user", text: "How are gaps repaired?" },
        { role: "assistant", text: "They **are**, see [Gaps](#source-1)." }
      ],
      interruptAt: (event) =>
        event.type === "ask.opened"
          ? ({ kind: "answer", ask: event.ask, answer: { type: "denied" }, digest: event.digest } as never)
          : undefined
    })
    expect(events.find((event) => event.type === "ask.opened")).toMatchObject({
      input: { path: PATH, text: "# How are gaps repaired?\n\nThey **are**, see Gaps.\n" }
    })
  })
  it("says so when there is no answer to keep", async () => {
    const library = await openLibrary(await folderOf(manual))
    const { events, text } = await testAgent(createLibrarian({ library }), { input: { question: "Save that" } })
    expect(events.some((event) => event.type === "ask.opened")).toBe(false)
    expect(text).toContain("no answer here")
  })
})

describe("a draft", () => {
  it("takes another name where the file is no note that it could replace", async () => {
    const folder = await folderOf({ "note-tea-2.md": "x".repeat(13_000) })
    await mkdir(join(folder, "note-tea.md"))
    expect(await draftNote(folder, { subject: "tea", text: "Brew it." })).toMatchObject({
      path: "note-tea-3.md",
      before: null
    })
  })
  it("holds as much as fits, and is what may be written", async () => {
    const folder = await folderOf({})
    const draft = await draftNote(folder, {
      subject: "ünïcode 漢字 / .. \u202e tea",
      text: "漢字 words\n\n".repeat(4_000)
    })
    expect(Note.safeParse(draft).success).toBe(true)
    expect(draft?.text).toMatch(/…\n$/)
  })
})

const outside = [
  "../x.md",
  "a/b.md",
  "a\\b.md",
  "..md",
  ".hidden.md",
  "/etc/x.md",
  "x.txt",
  ".md",
  "x.md\u0000.md",
  "x\n.md",
  "\u202ex.md",
  `${"x".repeat(90)}.md`
]
describe("a name that leads out of the folder, or hides in it", () => {
  it.each(outside)("is refused by the schema: %j", (path) => {
    expect(Note.safeParse({ path, text: "x", before: null }).success).toBe(false)
  })
  it.each(outside.slice(0, -1))("is refused by the tool: %j", async (path) => {
    const folder = await folderOf({})
    await expect(writeNote(folder, { path, text: "x", before: null })).rejects.toThrow(
      "directly into the documents' folder"
    )
    expect(await readdir(folder)).toEqual([])
  })
})

describe("writing a note", () => {
  it("does not follow or replace a link", async () => {
    const [folder, other] = [await folderOf({}), await folderOf({ "secret.md": "secret" })]
    await symlink(join(other, "secret.md"), join(folder, "note.md"))
    await expect(writeNote(folder, { path: "note.md", text: "x", before: "secret" })).rejects.toThrow("no file")
    expect(await readFile(join(other, "secret.md"), "utf8")).toBe("secret")
  })
  it("is safe to repeat", async () => {
    const folder = await folderOf({})
    const note = { path: "note.md", text: "x", before: null }
    await writeNote(folder, note)
    expect(await writeNote(folder, note)).toEqual({ bytes: 1 })
    await expect(writeNote(folder, { ...note, text: "y" })).rejects.toThrow("There is a file note.md by now.")
  })
  it("leaves nothing behind where it fails", async () => {
    const folder = await folderOf({})
    await chmod(folder, 0o500)
    const failed = writeNote(folder, { path: "note.md", text: "x", before: null })
    // whoever may write everywhere is not stopped by the folder's mode
    await (process.getuid?.() === 0 ? failed : expect(failed).rejects.toThrow("EACCES"))
    await chmod(folder, 0o700)
    expect((await readdir(folder)).filter((name) => name.startsWith("."))).toEqual([])
  })
})
