/**
 * The librarian with a language model: the model searches and reads with the same two tools, then answers.
 *
 * Set `LIBRARIAN_MODEL` to `provider/model`, such as `openai/gpt-5`. If the provider's package (`@ai-sdk/openai`) is
 * installed it is used, with the provider's own key; otherwise the AI SDK's gateway, with `AI_GATEWAY_API_KEY`.
 * `ai` is loaded only when a model is set.
 */
import type { LanguageModel, ModelMessage } from "ai"
import { AgentError } from "throughline"
import type { Run, StreamAdapter } from "throughline"
import * as z from "zod"
import type { Library } from "./library.ts"
import { searchPage } from "./searching.ts"

export type AnswerWithModel = (
  run: Run,
  library: Library,
  asked: { readonly question: string; readonly depth: "best" | "all"; readonly sections: number }
) => Promise<{ readonly cited: number; readonly sections: number; readonly text: string }>

/** A model asks for at most this many rounds of tools, the answer included. */
const MAX_STEPS = 16
/** What one read hands to the model, in characters. */
const MAX_READ = 24_000

const instructions = `You answer questions about a folder of Markdown documents. Search first, read the sections that
fit, then answer from what you have read and nothing else. Name the section each statement rests on by its link, as the
read tool gave it, such as [Gaps](#source-1). If the documents do not answer the question, say so. Answer in the
language of the question, in plain Markdown, without images.`

/** `undefined` when no model is set. Rejects with a sentence for people when one is set and cannot be used. */
export const modelFromEnvironment = async (env: NodeJS.ProcessEnv): Promise<AnswerWithModel | undefined> => {
  const name = env["LIBRARIAN_MODEL"]
  if (name === undefined || name === "") return undefined
  return answerWith(await loadModel(name, env))
}

const loadModel = async (name: string, env: NodeJS.ProcessEnv): Promise<LanguageModel> => {
  const [, provider, model] = /^([a-z0-9-]+)[/:](.+)$/.exec(name) ?? []
  if (provider === undefined || model === undefined) {
    throw new Error(`LIBRARIAN_MODEL is “${name}”; write it as provider/model, such as openai/gpt-5.`)
  }
  const installed = (await import(`@ai-sdk/${provider}`).catch((cause: unknown) => {
    if (typeof cause === "object" && cause !== null && "code" in cause && cause.code === "ERR_MODULE_NOT_FOUND")
      return undefined
    throw cause
  })) as Record<string, unknown> | undefined
  const create = installed?.[provider.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())]
  if (typeof create === "function") return (create as (model: string) => LanguageModel)(model)
  if (env["AI_GATEWAY_API_KEY"] !== undefined) return `${provider}/${model}`
  throw new Error(
    `LIBRARIAN_MODEL is “${name}”, but neither is @ai-sdk/${provider} installed, nor AI_GATEWAY_API_KEY set. Do one of them, or unset LIBRARIAN_MODEL.`
  )
}

/** Any AI SDK model, as the tests use it with a model of their own. */
export const answerWith =
  (model: LanguageModel): AnswerWithModel =>
  async (run, library, asked) => {
    const [{ stepCountIs, streamText, tool }, { aiSdk, toModelMessages }] = await Promise.all([
      import("ai"),
      import("throughline/adapters/frameworks/ai-sdk")
    ])
    run.status("Thinking")
    const cited = new Map<string, string>()
    const messages: ModelMessage[] = toModelMessages(await run.history())
    // A run that was started without a message has its question in the input alone.
    if (messages.at(-1)?.role !== "user") messages.push({ role: "user", content: asked.question })
    const result = streamText({
      model,
      system: instructions,
      messages,
      abortSignal: run.signal,
      stopWhen: stepCountIs(MAX_STEPS),
      // What people say while it works reaches the model before its next step.
      prepareStep: async ({ messages }) => {
        const steered = await run.steered()
        return steered.length === 0
          ? {}
          : { messages: [...messages, ...steered.map(({ text }) => ({ role: "user" as const, content: text }))] }
      },
      tools: {
        search: tool({
          description: "Finds sections by words. Answers at most 20 hits from `from` on, best first.",
          inputSchema: z.object({ question: z.string(), from: z.number().int().min(0).default(0) }),
          execute: ({ question, from }) => {
            run.status("Searching", { detail: question.slice(0, 120) })
            return searchPage(library, question, {
              from,
              count: Math.min(20, asked.sections * 3),
              every: asked.depth === "all"
            })
          }
        }),
        read: tool({
          description: "Reads one section, named by its `ref` from a search.",
          inputSchema: z.object({ section: z.string() }),
          execute: async ({ section: ref }, { abortSignal }) => {
            const section = library.find(ref)
            if (section === undefined) return { error: `There is no section ${ref}. Search first.` }
            run.status(`Reading ${section.title}`, { detail: section.path })
            const text = await library.read(ref, abortSignal === undefined ? {} : { signal: abortSignal })
            const source =
              cited.get(ref) ??
              run.source({ title: section.title, url: ref, name: section.path, mediaType: "text/markdown" })
            cited.set(ref, source)
            return {
              link: `[${section.title}](#source-${source})`,
              text: text.slice(0, MAX_READ),
              ...(text.length > MAX_READ ? { cut: true } : {})
            }
          }
        })
      }
    })
    try {
      await run.pipe(result.fullStream, aiSdk as StreamAdapter<unknown, unknown>)
    } catch (cause) {
      run.signal.throwIfAborted()
      const status =
        typeof cause === "object" && cause !== null && "statusCode" in cause
          ? ` (it answered ${String(cause.statusCode)})`
          : ""
      throw new AgentError(`The language model failed${status}.`, { cause, retryable: true })
    }
    return { cited: cited.size, sections: cited.size, text: await result.text }
  }
