/**
 * The librarian: answers questions about a folder of Markdown files, and shows how.
 *
 * It searches, says why it reads what it reads, reads each section as a tool call, and writes the passages that
 * answer as soon as it has them, with their source. Between two sections it listens: a person who steers it
 * ("focus on retries") gets a new search at once. Without a model every word of the answer is quoted from the
 * documents, and it says so; with one, the model searches and reads with the same two tools (`model.ts`).
 * Asked to keep an answer it drafts a note, and writes it only when somebody approved (`keepNote.ts`).
 */
import { AgentError, defineAgent } from "throughline"
import type { Run, ToolContext } from "throughline"
import * as z from "zod"
import { keepNote, noteAsks } from "./keepNote.ts"
import type { LibrarianRun } from "./keepNote.ts"
import type { Library } from "./library.ts"
import type { AnswerWithModel } from "./model.ts"
import { draftNote, isNote, noteWish, QUOTED, saidBefore } from "./notes.ts"
import type { Note } from "./notes.ts"
import { bestPassages } from "./passages.ts"
import type { SearchHit, SearchPage } from "./searching.ts"
import { noHits, searchPage, whyThese } from "./searching.ts"
import { questionTerms } from "./words.ts"

export const Question = z.object({
  question: z.string().trim().min(1, "ask something").max(4_000),
  /** `best`: the sections that fit best, at most `sections`. `all`: every section that fits. */
  depth: z.enum(["best", "all"]).default("best"),
  sections: z.number().int().min(1).max(10_000).default(6),
  /** The run whose answer is to be kept as a note. */
  noteOf: z.string().max(128).optional()
})
export type Question = z.input<typeof Question>
export const Answer = z.object({
  /** Sections quoted or cited. */
  cited: z.number().int(),
  /** Sections read. */
  sections: z.number().int(),
  /** The note that was written. */
  note: z.string().optional()
})
type Asked = z.output<typeof Question>
/** What was found, and what was said of it. */
export interface Answered {
  readonly cited: number
  readonly sections: number
  readonly text: string
}

export interface LibrarianOptions {
  readonly library: Library
  /** Answers with a language model instead of quoting. */
  readonly answerWithModel?: AnswerWithModel
  /** How long a run waits for a person before it lets go of its process. Default 20 s. */
  readonly holdSeconds?: number
}

/** How many hits one search call shows and records. */
const PAGE = 50

export const createLibrarian = ({ library, answerWithModel, holdSeconds = 20 }: LibrarianOptions) =>
  defineAgent({
    name: "librarian",
    input: Question,
    output: Answer,
    asks: noteAsks,
    holdFor: holdSeconds * 1_000,
    // Every call is safe to repeat, so a run whose worker died goes on under another.
    onWorkerLost: "retry",
    run: async (run: LibrarianRun, asked) => {
      const drafted = (await run.resumedFrom()) as Drafted | undefined
      if (drafted !== undefined) return propose(run, library, drafted)
      await library.refresh()
      const wish = asked.noteOf === undefined ? noteWish(asked.question) : { type: "that" as const }
      if (wish?.type === "that") return keepThat(run, library, asked.noteOf)
      if (library.sections().length === 0) {
        await run.text(emptyFolder(library))
        return { cited: 0, sections: 0 }
      }
      const question = wish === undefined ? asked : { ...asked, question: wish.subject }
      const answer = answerWithModel ?? quote
      const { cited, sections, text } = await answer(run as unknown as Run, library, question)
      if (wish === undefined || cited === 0) return { cited, sections }
      const note = await draftNote(library.root, { subject: wish.subject, text })
      if (note !== undefined) return propose(run, library, await keep(run, { cited, sections, note }))
      await run.text("There is nothing here that is not in a note already.")
      return { cited, sections }
    }
  })

/** Where a run that was suspended goes on. */
type Drafted = { readonly cited: number; readonly sections: number; readonly note: Note }
const keep = async (run: LibrarianRun, drafted: Drafted): Promise<Drafted> => {
  await run.checkpoint(drafted)
  return drafted
}
const propose = async (run: LibrarianRun, library: Library, { note, ...found }: Drafted) => {
  const path = await keepNote(run, library, note)
  return { ...found, ...(path === undefined ? {} : { note: path }) }
}
const keepThat = async (run: LibrarianRun, library: Library, answer: string | undefined) => {
  const said = saidBefore(await run.history(), answer)
  const note = said === undefined ? undefined : await draftNote(library.root, said)
  if (note !== undefined) return propose(run, library, await keep(run, { cited: 0, sections: 0, note }))
  await run.text("There is no answer here that I could keep. Ask me something first.")
  return { cited: 0, sections: 0 }
}

interface Reading {
  readonly question: string
  readonly terms: readonly string[]
  readonly total: number
  /** Searches before this one: part of the calls' keys, so that a resumed run finds its own. */
  readonly round: number
  waiting: SearchHit[]
  /** Where the next page of hits begins; `undefined` when there is none. */
  next: number | undefined
  read: number
}
/** What a section gave: what was quoted of it, if anything, and what people said meanwhile. */
type Done = { readonly quoted: string; readonly steered: readonly string[] }

const quote = async (run: Run, library: Library, asked: Asked): Promise<Answered> => {
  const limit = asked.depth === "all" ? Infinity : asked.sections
  let text = ""
  let cited = 0
  let sections = 0
  let now = await search(run, library, asked.question, 0, limit)
  if (now.total === 0) await run.text(noHits(library, asked.question))
  else await run.text(`${QUOTED}\n\n`)

  for (
    let hit = await nextHit(run, library, now, limit);
    hit !== undefined;
    hit = await nextHit(run, library, now, limit)
  ) {
    run.status(`Reading ${hit.title}`, { detail: hit.path, fraction: now.read / Math.min(limit, now.total) })
    now.read += 1
    sections += 1
    const done = await readAndWrite(run, library, hit, now)
    if (done.quoted !== "") cited += 1
    if (!isNote(hit.path)) text += done.quoted
    for (const wish of done.steered) now = (await changeCourse(run, library, wish, now, limit)) ?? now
  }
  run.status(cited === 0 ? "Found nothing to quote" : `Answered from ${countOf(cited, "section")}`)
  return { cited, sections, text }
}

const search = async (run: Run, library: Library, question: string, round: number, limit: number): Promise<Reading> => {
  run.status(
    `Searching ${countOf(library.sections().length, "section")} in ${countOf(library.documents(), "document")}`
  )
  const page = await searchCall(run, library, { question, from: 0 }, round, limit)
  if (page.total > 0) await run.reasoning(`${whyThese(page, library.sections().length, limit)} `, { visible: "full" })
  return {
    question,
    terms: questionTerms(question),
    total: page.total,
    round,
    waiting: [...page.hits],
    next: page.next,
    read: 0
  }
}

const searchCall = (
  run: Run,
  library: Library,
  input: { question: string; from: number },
  round: number,
  limit: number
): Promise<SearchPage> =>
  run.tool(
    "search",
    input,
    ({ question, from }) =>
      searchPage(library, question, { from, count: Math.min(PAGE, limit), every: limit === Infinity }),
    {
      key: `${round}.${input.from}`,
      idempotent: true,
      title: `Search for “${input.question.length > 80 ? `${input.question.slice(0, 79)}…` : input.question}”`
    }
  )

/** The next section to read; a further page is searched for when this one is read. */
const nextHit = async (run: Run, library: Library, now: Reading, limit: number): Promise<SearchHit | undefined> => {
  if (now.read >= limit) return undefined
  if (now.waiting.length === 0 && now.next !== undefined) {
    const page = await searchCall(run, library, { question: now.question, from: now.next }, now.round, limit)
    now.waiting = [...page.hits]
    now.next = page.next
  }
  return now.waiting.shift()
}

/** A person said what to look for instead. `undefined`: nothing fits, so the run goes on as before, and says so. */
const changeCourse = async (
  run: Run,
  library: Library,
  wish: string,
  now: Reading,
  limit: number
): Promise<Reading | undefined> => {
  await run.text(`\n\n---\n\nYou asked me to change course: **${escapeMarkdown(wish.trim())}**\n\n`)
  const other = await search(run, library, wish, now.round + 1, limit)
  if (other.total > 0) return other
  await run.text(`${noHits(library, wish)} I go on with what I had.\n\n`)
  return undefined
}

/** A section that cannot be read is said to be so, and the run goes on. */
const readAndWrite = (run: Run, library: Library, hit: SearchHit, now: Reading): Promise<Done> => {
  const options = { key: `${now.round}.${now.read}`, idempotent: true }
  const body = async (): Promise<string> => {
    const result = await run
      .tool("read", { section: hit.ref }, (input, call) => readSection(library, input.section, now.terms, call), {
        ...options,
        title: `Read ${hit.ref}`
      })
      .catch((error: unknown) => {
        run.signal.throwIfAborted()
        return error instanceof AgentError ? error : Promise.reject(error)
      })
    if (result instanceof AgentError) {
      await run.text(`*${escapeMarkdown(result.message)}*\n\n`)
      return ""
    }
    if (result.passages.length === 0) return ""
    const source = run.source({ title: hit.title, url: hit.ref, name: hit.path, mediaType: "text/markdown" })
    const name = escapeMarkdown([...hit.trail.slice(1), hit.title].join(" › "))
    let quoted = `**[${name}](#source-${source})** · \`${hit.path.replaceAll("`", "")}\`\n\n`
    await run.text(quoted, { citations: [{ source }] })
    for (const passage of result.passages) {
      const lines = `${passage.text.replace(/^/gm, "> ")}\n\n`
      await run.text(lines, { citations: [{ source, quote: passage.text.slice(0, 400) }] })
      quoted += lines
    }
    return quoted
  }
  return run.step(
    `Read ${hit.title}`,
    async () => {
      const quoted = await body()
      // Heard inside the step, so that what people said is part of its recorded result.
      return { quoted, steered: (await run.steered()).map(({ text }) => text) }
    },
    options
  )
}

type ReadResult = {
  readonly lines: number
  readonly bytes: number
  readonly passages: readonly Quoted[]
}
type Quoted = { readonly text: string; readonly terms: readonly string[]; readonly score: number }

/** Reads a section from the disk, with progress, and picks what answers. */
const readSection = async (
  library: Library,
  ref: string,
  terms: readonly string[],
  call: ToolContext
): Promise<ReadResult> => {
  const text = await library
    .read(ref, {
      signal: call.signal,
      onProgress: ({ bytes, totalBytes }) =>
        call.progress({
          label: `${bytes.toLocaleString("en")} of ${totalBytes.toLocaleString("en")} bytes`,
          fraction: bytes / totalBytes
        })
    })
    .catch((cause: unknown) => {
      call.signal.throwIfAborted()
      throw new AgentError(`${ref} could not be read: ${cause instanceof Error ? cause.message : "unknown reason"}`, {
        cause
      })
    })
  const passages = bestPassages(text, terms).map(({ text, terms, score }): Quoted => ({
    text: text.slice(0, 4_000),
    terms,
    score
  }))
  return { lines: text.trimEnd().split("\n").length, bytes: Buffer.byteLength(text), passages }
}

const emptyFolder = (library: Library): string => {
  const skipped = library.skipped()
  const why =
    skipped.length === 0 ? "" : ` These files could not be used: ${skipped.slice(0, 5).map(escapeMarkdown).join("; ")}.`
  return `There is nothing to read: the folder has no Markdown with text in it.${why} Start me with \`--docs\` and a folder that has some.`
}

const countOf = (count: number, noun: string): string =>
  `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`
export const escapeMarkdown = (text: string): string => text.replace(/\s+/g, " ").replace(/[\\`*_[\]<>|~]/g, "\\$&")
