/**
 * Streams `streamText().fullStream` into a run: `run.pipe(result.fullStream, aiSdk)`.
 *
 * The stream's parts become events in order, with back-pressure; usage is reported per model call. The run's own
 * beginning and end are not said here: they belong to the run. Stops at once when `run.signal` aborts, whether
 * or not the model noticed (pass `abortSignal: run.signal` to `streamText`, so that it does).
 */
import type { FinishReason, LanguageModelUsage, TextStreamPart, ToolSet } from "ai"
import type { RawEvent, Run, StreamAdapter } from "../../../src/agent/Run.ts"
import { fromPart, toUsage } from "./map.ts"
import { closeAll, open } from "./say.ts"
import type { Said } from "./say.ts"

export { toModelMessages } from "./messages.ts"

export interface AiSdkResult {
  /** The text of all steps, joined. */
  readonly text: string
  readonly finishReason: FinishReason
  /** All steps together; absent when the stream ended without saying. */
  readonly usage?: LanguageModelUsage
}
export interface AiSdkOptions {
  /** Stores a file that the model made and answers its URL; default: a `data:` URL, which must fit into an entry. */
  readonly upload?: (file: { readonly bytes: Uint8Array; readonly mediaType: string }) => Promise<string>
  /** How long an approval that the SDK asks for may take; default one hour. */
  readonly askMillis?: number
}
type Part = TextStreamPart<ToolSet>
type Target = Pick<Run, "raw" | "message" | "signal" | "usage">

/**
 * `until(promise)` settles as the promise does, or rejects with the signal's reason if that comes first. One listener
 * for the whole stream: `Promise.race` against one long promise would keep something of every part.
 */
const untilAborted = (signal: AbortSignal) => {
  let give = (_reason: unknown): void => {}
  const onAbort = (): void => give(signal.reason)
  signal.addEventListener("abort", onAbort)
  return {
    until: <T>(promise: Promise<T>): Promise<T> =>
      new Promise<T>((resolve, reject) => {
        give = reject
        promise.then(resolve, reject)
        if (signal.aborted) reject(signal.reason)
      }),
    stop: (): void => signal.removeEventListener("abort", onAbort)
  }
}
const ofTheRun = (event: Said): boolean => event.type !== "run.started" && event.type !== "run.finished"
const toRaw = (event: Said): RawEvent => event as unknown as RawEvent

const stored = async (event: Said, part: Part, upload: NonNullable<AiSdkOptions["upload"]>): Promise<Said> =>
  event.type === "file.added" && (part.type === "file" || part.type === "reasoning-file")
    ? { ...event, url: await upload({ bytes: part.file.uint8Array, mediaType: part.file.mediaType }) }
    : event

/** Makes an adapter with options; `aiSdk` is the one without. */
export const aiSdkWith =
  (options: AiSdkOptions): StreamAdapter<Part, AiSdkResult> =>
  async (stream: AsyncIterable<Part>, run: Target) => {
    const askExpiresAt = new Date(Date.now() + (options.askMillis ?? 3_600_000)).toISOString()
    let state = open({ message: run.message, scope: crypto.randomUUID().slice(0, 8), askExpiresAt })
    let text = ""
    let finishReason: FinishReason = "other"
    let usage: LanguageModelUsage | undefined
    const { until, stop } = untilAborted(run.signal)
    const iterator = stream[Symbol.asyncIterator]()
    try {
      for (;;) {
        const next = await until(iterator.next())
        if (next.done === true) break
        const part = next.value
        const [after, events] = fromPart(state, part)
        state = after
        for (const event of events.filter(ofTheRun)) {
          const said = options.upload === undefined ? event : await stored(event, part, options.upload)
          await until(run.raw(toRaw(said)))
        }
        if (part.type === "text-delta") text += part.text
        else if (part.type === "finish-step") run.usage(toUsage(part.usage, part.response.modelId))
        else if (part.type === "finish") {
          finishReason = part.finishReason
          usage = part.totalUsage
        } else if (part.type === "error") throw part.error
        else if (part.type === "abort")
          throw run.signal.aborted
            ? run.signal.reason
            : new DOMException(part.reason ?? "The stream was aborted.", "AbortError")
      }
      return { text, finishReason, ...(usage === undefined ? {} : { usage }) }
    } catch (error) {
      // Not awaited: a run that is over takes no more events, and the error matters more than they do.
      for (const event of closeAll(state, run.signal.aborted ? "interrupted" : "error")[1])
        run.raw(toRaw(event)).catch(() => {})
      iterator.return?.().then(undefined, () => {})
      throw error
    } finally {
      stop()
    }
  }

/** For `streamText().fullStream`. Rejects with the error of an `error` part, or with the reason of `run.signal`. */
export const aiSdk: StreamAdapter<Part, AiSdkResult> = aiSdkWith({})
