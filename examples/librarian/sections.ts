/**
 * One Markdown file as sections: from each heading to the next, with the trail of headings above it.
 *
 * Positions are bytes of the file as it lies on disk, so that a section can be read without the rest of the file.
 * Any bytes are accepted: UTF-8, UTF-16 with its mark, else Windows-1252; a file with NUL bytes is not text.
 */
import { Lexer } from "marked"
import type { Token } from "marked"

export interface Section {
  /** `path#anchor`; unique in a library. */
  readonly ref: string
  /** Relative to the library's folder, with `/`. */
  readonly path: string
  /** As GitHub makes it from the heading; empty before the first heading. */
  readonly anchor: string
  readonly title: string
  /** Titles of the headings above, the document's own first; without the section's. */
  readonly trail: readonly string[]
  /** 1-based, the heading's line; `endLine` is the last one that belongs to the section. */
  readonly startLine: number
  readonly endLine: number
  readonly startByte: number
  readonly endByte: number
}
export interface SectionText extends Section {
  readonly text: string
}
export type Encoding = "utf-8" | "utf-16le" | "utf-16be" | "windows-1252"

/** Longer sections are cut between two blocks, so that reading one never takes long. Bytes, about. */
const MAX_SECTION_CHARS = 48 * 1024

/** `null` when the bytes are not text. */
export const encodingOf = (bytes: Uint8Array): Encoding | null => {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le"
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be"
  if (bytes.includes(0)) return null
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes)
    return "utf-8"
  } catch {
    return "windows-1252"
  }
}
/** Text with `\n` line ends and no byte order mark. */
export const decodeText = (bytes: Uint8Array, encoding: Encoding): string =>
  new TextDecoder(encoding).decode(bytes).replace(/\r\n?/g, "\n")

/** Where each line begins, in bytes; one more entry than lines, the last being the file's length. */
const lineStarts = (bytes: Uint8Array, encoding: Encoding): number[] => {
  const wide = encoding === "utf-16le" || encoding === "utf-16be"
  const width = wide ? 2 : 1
  const low = encoding === "utf-16be" ? 1 : 0
  const unit = (at: number): number =>
    wide ? (bytes[at + low] ?? 0) | ((bytes[at + 1 - low] ?? 0) << 8) : (bytes[at] ?? 0)
  const starts = [0]
  for (let at = 0; at < bytes.length; at += width) {
    const code = unit(at)
    if (code === 0x0a || (code === 0x0d && unit(at + width) !== 0x0a)) starts.push(at + width)
  }
  if (starts.at(-1) !== bytes.length) starts.push(bytes.length)
  return starts
}

const countLines = (text: string): number => {
  let lines = 0
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) lines += 1
  return lines
}

/** A heading as people read it: no links, emphasis, code marks or tags. */
const plainTitle = (raw: string): string =>
  raw
    .replace(/<[^>]*>/g, "")
    .replace(/\s*\{#[^}]*\}\s*$/, "")
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/[`*~]|(?<!\w)_|_(?!\w)/g, "")
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, 200)

const slugger = () => {
  const taken = new Set<string>()
  return (heading: string, title: string): string => {
    const named = /\{#([\w-]+)\}\s*$/.exec(heading) ?? /<a\s+(?:id|name)="([^"]+)"/.exec(heading)
    const base =
      named?.[1] ??
      title
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\p{M}\s_-]/gu, "")
        .replace(/\s/g, "-")
    let anchor = base === "" ? "section" : base
    for (let n = 1; taken.has(anchor); n += 1) anchor = `${base}-${n}`
    taken.add(anchor)
    return anchor
  }
}

/** The block between `---` lines at the start of a file, which is not Markdown. */
const frontMatter = (text: string): { readonly length: number; readonly title?: string } => {
  const match = /^---\n([\s\S]{0,65536}?)\n---[ \t]*(?:\n|$)/.exec(text)
  if (match === null) return { length: 0 }
  const title = /^title:\s*["']?(.+?)["']?\s*$/m.exec(match[1] ?? "")?.[1]
  return title === undefined ? { length: match[0].length } : { length: match[0].length, title }
}

/** Splits a file. Sections without any text under their heading are left out: their title stays in the trail of others. */
export const splitFile = (path: string, bytes: Uint8Array, encoding: Encoding): SectionText[] => {
  const text = decodeText(bytes, encoding)
  const starts = lineStarts(bytes, encoding)
  const byteOf = (line: number): number => starts[line - 1] ?? bytes.length
  const front = frontMatter(text)
  const slug = slugger()
  const fileName = path.split("/").at(-1) ?? path
  const documentTitle = front.title ?? fileName.replace(/\.(md|markdown|mdx)$/i, "")
  const trail: { readonly depth: number; readonly title: string }[] = []
  const sections: SectionText[] = []

  let line = 1 + countLines(text.slice(0, front.length))
  let open = {
    anchor: "",
    title: documentTitle,
    trail: [] as string[],
    startLine: line,
    body: "",
    headed: false,
    part: 1
  }
  const close = (endLine: number): void => {
    if (open.body.trim() === "") return
    const anchor = open.part === 1 ? open.anchor : `${open.anchor}~${open.part}`
    sections.push({
      ref: anchor === "" ? path : `${path}#${anchor}`,
      path,
      anchor: open.anchor,
      title: open.part === 1 ? open.title : `${open.title} (part ${open.part})`,
      trail: open.trail,
      startLine: open.startLine,
      endLine: Math.max(open.startLine, endLine),
      startByte: byteOf(open.startLine),
      endByte: byteOf(endLine + 1),
      text: open.body
    })
  }
  for (const token of blocks(text.slice(front.length))) {
    if (token.type === "heading") {
      const heading = token as Token & { readonly depth: number; readonly text: string }
      close(line - 1)
      while ((trail.at(-1)?.depth ?? 0) >= heading.depth) trail.pop()
      const title = plainTitle(heading.text) || documentTitle
      open = {
        anchor: slug(heading.text, title),
        title,
        trail: trail.map((above) => above.title),
        startLine: line,
        body: "",
        headed: true,
        part: 1
      }
      trail.push({ depth: heading.depth, title })
    } else {
      if (open.body !== "" && open.body.length + token.raw.length > MAX_SECTION_CHARS) {
        close(line - 1)
        open = { ...open, startLine: line, body: "", part: open.part + 1 }
      }
      open.body += token.raw
    }
    line += countLines(token.raw)
  }
  close(starts.length - 1)
  return sections
}

/** Blocks of Markdown; text on which the lexer fails counts as one paragraph. */
export const blocks = (text: string): Token[] => {
  try {
    return new Lexer().blockTokens(text)
  } catch {
    return [{ type: "paragraph", raw: text, text, tokens: [] }]
  }
}
