/**
 * A folder of Markdown files as something to search and to read.
 *
 * The index lives in memory and follows the folder: `refresh` reads only what changed since. Folders named
 * `node_modules`, and files and folders that begin with a dot, are not looked into; symbolic links are not
 * followed, so nothing outside the folder is ever read. What could not be used is told in `skipped`.
 */
import { open, readdir, readFile, stat } from "node:fs/promises"
import { join, relative, resolve, sep } from "node:path"
import MiniSearch from "minisearch"
import type { Encoding, Section } from "./sections.ts"
import { decodeText, encodingOf, splitFile } from "./sections.ts"
import { questionTerms, splitWords, toTerm } from "./words.ts"

export interface Hit {
  readonly section: Section
  /** Higher is better; only comparable within one search. */
  readonly score: number
  /** Terms of the question that the section has. */
  readonly terms: readonly string[]
  /** Whether one of them is in the section's own heading. */
  readonly inTitle: boolean
}
export interface ReadProgress {
  readonly bytes: number
  readonly totalBytes: number
}
export interface Library {
  readonly root: string
  readonly documents: () => number
  readonly sections: () => readonly Section[]
  /** Files that could not be used, and why, in a sentence. */
  readonly skipped: () => readonly string[]
  /** Best first. Sections that have more of the question's terms come before those that have one often. */
  readonly search: (question: string) => readonly Hit[]
  readonly find: (ref: string) => Section | undefined
  /** The section's text from the disk, as it is now. Rejects when it is gone. */
  readonly read: (
    ref: string,
    options?: { readonly signal?: AbortSignal; readonly onProgress?: (progress: ReadProgress) => void }
  ) => Promise<string>
  readonly refresh: () => Promise<void>
}

/** Larger files are skipped: they are exports, not documents. */
const MAX_FILE_BYTES = 32 * 1024 * 1024
const FENCED = /^ {0,3}(```+|~~~+)[\s\S]*?(?:^ {0,3}\1|(?![\s\S]))/gm
const READ_CHUNK_BYTES = 16 * 1024

interface FileRecord {
  readonly mtimeMs: number
  readonly size: number
  readonly encoding: Encoding | null
  readonly sections: readonly Section[]
  readonly problem?: string
}

/** Rejects with a sentence for people when the folder cannot be read. */
export const openLibrary = async (folder: string): Promise<Library> => {
  const root = resolve(folder)
  const info = await stat(root).catch(() => undefined)
  if (info === undefined) throw new Error(`There is no folder ${root}. Name an existing one with --docs.`)
  if (!info.isDirectory())
    throw new Error(`${root} is not a folder. Name the folder that holds the documents with --docs.`)

  const files = new Map<string, FileRecord>()
  const byRef = new Map<string, Section>()
  const index = new MiniSearch<{ id: string; title: string; trail: string; path: string; text: string; code: string }>({
    fields: ["title", "trail", "path", "text", "code"],
    tokenize: splitWords,
    processTerm: toTerm,
    searchOptions: {
      // What is only in an example's code seldom answers a question.
      boost: { title: 3, trail: 1.5, path: 1.2, code: 0.3 },
      // A whole word counts for more than its beginning or a misspelling of it; short words must be exact.
      prefix: (term) => term.length > 3,
      fuzzy: (term) => (term.length > 5 ? 0.2 : false),
      weights: { prefix: 0.4, fuzzy: 0.2 },
      processTerm: (term) => term,
      tokenize: questionTerms
    }
  })

  const forget = (path: string): void => {
    for (const section of files.get(path)?.sections ?? []) {
      byRef.delete(section.ref)
      index.discard(section.ref)
    }
    files.delete(path)
  }
  const learn = async (path: string, mtimeMs: number, size: number): Promise<void> => {
    forget(path)
    if (size > MAX_FILE_BYTES) {
      files.set(path, { mtimeMs, size, encoding: null, sections: [], problem: `${path} is larger than 32 MiB` })
      return
    }
    const bytes = await readFile(join(root, path))
    const encoding = encodingOf(bytes)
    if (encoding === null) {
      files.set(path, { mtimeMs, size, encoding, sections: [], problem: `${path} is not text` })
      return
    }
    const sections: Section[] = []
    for (const { text, ...section } of splitFile(path, bytes, encoding)) {
      sections.push(section)
      byRef.set(section.ref, section)
      index.add({
        id: section.ref,
        title: section.title,
        trail: section.trail.join(" "),
        path,
        text: text.replace(FENCED, ""),
        code: (text.match(FENCED) ?? []).join("\n")
      })
    }
    files.set(path, { mtimeMs, size, encoding, sections })
  }

  const refresh = async (): Promise<void> => {
    const seen = new Set<string>()
    for await (const path of markdownFiles(root)) {
      seen.add(path)
      const known = files.get(path)
      try {
        const now = await stat(join(root, path))
        if (known?.mtimeMs === now.mtimeMs && known.size === now.size) continue
        await learn(path, now.mtimeMs, now.size)
      } catch (error) {
        forget(path)
        files.set(path, {
          mtimeMs: 0,
          size: 0,
          encoding: null,
          sections: [],
          problem: `${path} cannot be read (${codeOf(error)})`
        })
      }
    }
    for (const path of files.keys()) if (!seen.has(path)) forget(path)
  }
  let refreshing: Promise<void> | undefined
  const library: Library = {
    root,
    documents: () => [...files.values()].filter((file) => file.problem === undefined).length,
    sections: () => [...byRef.values()],
    skipped: () => [...files.values()].flatMap((file) => file.problem ?? []),
    find: (ref) => byRef.get(ref),
    search: (question) => {
      const terms = questionTerms(question)
      if (terms.length === 0) return []
      const hits = index.search(question).flatMap((result): Hit[] => {
        const section = byRef.get(String(result.id))
        if (section === undefined) return []
        const wanted = new Set(result.queryTerms)
        return [
          {
            section,
            score: result.score * (wanted.size / terms.length),
            terms: [...wanted],
            inTitle: Object.values(result.match).some((fields) => fields.includes("title"))
          }
        ]
      })
      return hits.sort((a, b) => b.score - a.score || (a.section.ref < b.section.ref ? -1 : 1))
    },
    read: async (ref, options) => {
      const before = byRef.get(ref)
      if (before === undefined) throw new Error(`There is no section ${ref}.`)
      const now = await stat(join(root, before.path)).catch(() => undefined)
      if (now === undefined) throw new Error(`${before.path} is gone.`)
      const known = files.get(before.path)
      if (known?.mtimeMs !== now.mtimeMs || known.size !== now.size) await learn(before.path, now.mtimeMs, now.size)
      const section = byRef.get(ref)
      const encoding = files.get(before.path)?.encoding
      if (section === undefined || encoding === undefined || encoding === null)
        throw new Error(`${ref} is no longer in the document.`)
      const bytes = await readRange(join(root, section.path), section, options)
      return decodeText(bytes, encoding)
    },
    refresh: () => (refreshing ??= refresh().finally(() => (refreshing = undefined)))
  }
  await library.refresh()
  return library
}

/** Paths relative to `root`, in order of their names, with `/`. A folder that cannot be listed counts as empty. */
async function* markdownFiles(root: string, folder = root): AsyncGenerator<string> {
  const found = await readdir(folder, { withFileTypes: true }).catch(() => [])
  for (const file of found.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (file.name.startsWith(".") || file.name === "node_modules") continue
    const path = join(folder, file.name)
    if (file.isDirectory()) yield* markdownFiles(root, path)
    else if (file.isFile() && /\.(md|markdown|mdx)$/i.test(file.name)) yield relative(root, path).split(sep).join("/")
  }
}

const readRange = async (
  path: string,
  range: { readonly startByte: number; readonly endByte: number },
  options?: { readonly signal?: AbortSignal; readonly onProgress?: (progress: ReadProgress) => void }
): Promise<Uint8Array> => {
  const totalBytes = range.endByte - range.startByte
  const bytes = new Uint8Array(totalBytes)
  const file = await open(path, "r")
  try {
    let done = 0
    while (done < totalBytes) {
      options?.signal?.throwIfAborted()
      const length = Math.min(READ_CHUNK_BYTES, totalBytes - done)
      const { bytesRead } = await file.read(bytes, done, length, range.startByte + done)
      if (bytesRead === 0) break
      done += bytesRead
      options?.onProgress?.({ bytes: done, totalBytes })
    }
    return bytes.subarray(0, done)
  } finally {
    await file.close()
  }
}

const codeOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error ? String(error.code) : "unknown error"
