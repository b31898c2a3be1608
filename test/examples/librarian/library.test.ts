import { rm, symlink, writeFile, utimes } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { openLibrary } from "../../../examples/librarian/library.ts"
import { folderOf } from "./folder.ts"

const utf16 = (text: string): Uint8Array => Buffer.from(`\ufeff${text}`, "utf16le")
const latin1 = (text: string): Uint8Array => Buffer.from(text, "latin1")

describe("a library", () => {
  it("splits files at their headings, with the trail above each", async () => {
    const root = await folderOf({
      "guide/start.md":
        "Before.\n\n# Guide\n\nAbout.\n\n## Gaps & holes\n\nText.\n\n### Deep\n\nMore.\n\n## Gaps & holes\n\nAgain.\n"
    })
    const library = await openLibrary(root)
    expect(
      library.sections().map(({ ref, title, trail, startLine, endLine }) => [ref, title, trail, startLine, endLine])
    ).toEqual([
      ["guide/start.md", "start", [], 1, 2],
      ["guide/start.md#guide", "Guide", [], 3, 6],
      ["guide/start.md#gaps--holes", "Gaps & holes", ["Guide"], 7, 10],
      ["guide/start.md#deep", "Deep", ["Guide", "Gaps & holes"], 11, 14],
      ["guide/start.md#gaps--holes-1", "Gaps & holes", ["Guide"], 15, 17]
    ])
  })
  it("takes headings only where Markdown has them", async () => {
    const root = await folderOf({
      "a.md":
        "---\ntitle: Named\nx: 1\n---\nIntro\n\n```md\n# not a heading\n```\n\nSetext\n===\n\nBody\n\n## `code` [link](x) **bold** {#own}\n\nEnd\n"
    })
    const library = await openLibrary(root)
    expect(library.sections().map(({ ref, title }) => [ref, title])).toEqual([
      ["a.md", "Named"],
      ["a.md#setext", "Setext"],
      ["a.md#own", "code link bold"]
    ])
  })
  it("reads exactly the bytes of a section, whatever the encoding and the line ends", async () => {
    const text = "# Één\r\n\r\nVoor.\r\n\r\n## Twee\r\n\r\nDe lücke.\r\n"
    const root = await folderOf({
      "u8.md": text,
      "u16.md": utf16(text),
      "old.md": latin1(text),
      "bom.md": `\ufeff${text}`,
      "mac.md": text.replaceAll("\r\n", "\r")
    })
    const library = await openLibrary(root)
    for (const path of ["u8.md", "u16.md", "old.md", "bom.md", "mac.md"]) {
      expect(await library.read(`${path}#twee`), path).toBe("## Twee\n\nDe lücke.\n")
    }
  })
  it("tells how far reading is", async () => {
    const root = await folderOf({ "long.md": `# Long\n\n${"Words to read. ".repeat(3_000)}\n` })
    const library = await openLibrary(root)
    const seen: number[] = []
    await library.read("long.md#long", { onProgress: ({ bytes, totalBytes }) => seen.push(bytes / totalBytes) })
    expect(seen.length).toBeGreaterThan(1)
    expect(seen.at(-1)).toBe(1)
    expect(seen).toEqual(seen.toSorted((a, b) => a - b))
  })
  it("stops reading when it is aborted", async () => {
    const library = await openLibrary(await folderOf({ "a.md": "# A\n\ntext\n" }))
    await expect(library.read("a.md#a", { signal: AbortSignal.abort(new Error("stopped")) })).rejects.toThrow("stopped")
  })
  it("cuts very long sections between blocks, and loses none of their text", async () => {
    const paragraphs = Array.from({ length: 400 }, (_, n) => `Paragraph ${n}. ${"x".repeat(300)}`)
    const library = await openLibrary(await folderOf({ "a.md": `# A\n\n${paragraphs.join("\n\n")}\n` }))
    expect(library.sections().length).toBeGreaterThan(1)
    const read = await Promise.all(library.sections().map(({ ref }) => library.read(ref)))
    expect(read.join("")).toBe(`# A\n\n${paragraphs.join("\n\n")}\n`)
  })
  it("looks neither into node_modules nor into hidden folders, nor behind links", async () => {
    const root = await folderOf({
      "a.md": "# A\n\na\n",
      "node_modules/x/b.md": "# B\n\nb\n",
      ".git/c.md": "# C\n\nc\n",
      "d.txt": "# D\n\nd\n"
    })
    await symlink(await folderOf({ "outside.md": "# Outside\n\nx\n" }), join(root, "link"))
    const library = await openLibrary(root)
    expect(library.sections().map(({ path }) => path)).toEqual(["a.md"])
  })
  it("says which files it cannot use", async () => {
    const library = await openLibrary(
      await folderOf({ "a.md": "# A\n\na\n", "binary.md": new Uint8Array([1, 0, 2, 0]) })
    )
    expect(library.documents()).toBe(1)
    expect(library.skipped()).toEqual(["binary.md is not text"])
  })
  it("opens an empty folder, and refuses one that is not there", async () => {
    const root = await folderOf({})
    expect((await openLibrary(root)).sections()).toEqual([])
    await expect(openLibrary(join(root, "nowhere"))).rejects.toThrow(/There is no folder .*--docs/)
  })
  it("follows the folder", async () => {
    const root = await folderOf({ "a.md": "# A\n\nzebra\n", "b.md": "# B\n\nlion\n" })
    const library = await openLibrary(root)
    await writeFile(join(root, "a.md"), "# A\n\ngiraffe\n\n## More\n\nzebras\n")
    await utimes(join(root, "a.md"), new Date(), new Date(Date.now() + 5_000))
    await rm(join(root, "b.md"))
    await library.refresh()
    expect(library.search("zebra").map(({ section }) => section.ref)).toEqual(["a.md#more"])
    expect(library.search("giraffe").map(({ section }) => section.ref)).toEqual(["a.md#a"])
    expect(library.search("lion")).toEqual([])
  })
  it("says that a section is gone when it was removed after the search", async () => {
    const root = await folderOf({ "a.md": "# A\n\nzebra\n" })
    const library = await openLibrary(root)
    await rm(join(root, "a.md"))
    await expect(library.read("a.md#a")).rejects.toThrow("a.md is gone")
  })
  it("puts what has all of a question's words before what has one often", async () => {
    const library = await openLibrary(
      await folderOf({
        "a.md":
          "# One\n\ngaps gaps gaps gaps gaps gaps\n\n# Two\n\nGaps are repaired by a request.\n\n# Three\n\nNothing of it.\n"
      })
    )
    expect(library.search("How are gaps repaired?").map(({ section }) => section.title)).toEqual(["Two", "One"])
  })
  it("puts what is said about something before code that merely has the word", async () => {
    const library = await openLibrary(
      await folderOf({
        "a.md":
          '# One\n\n```json\n{"gaps": "gaps repaired"}\n```\n\n# Two\n\nMuch text stands here, and somewhere in it: gaps are repaired by a request to the log.\n\n# Three\n\n~~~\nunclosed walrus\n'
      })
    )
    expect(library.search("How are gaps repaired?").map(({ section }) => section.title)).toEqual(["Two", "One"])
    expect(library.search("walrus").map(({ section }) => section.title)).toEqual(["Three"])
  })
  it("does not care about headings that are strange", async () => {
    const root = await folderOf({
      "a.md":
        "#\n\nempty\n\n# ***\n\nmarks\n\n# 中文 标题\n\n内容在这里\n\n# <b>x</b>\n\nhtml\n\n# __proto__\n\nproto\n"
    })
    const library = await openLibrary(root)
    expect(new Set(library.sections().map(({ ref }) => ref)).size).toBe(5)
    for (const { ref } of library.sections()) expect(await library.read(ref)).toMatch(/^#/)
    expect(library.search("内容")[0]?.section.title).toBe("中文 标题")
  })
})
