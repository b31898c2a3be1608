/**
 * A run as people read it in a terminal, printed while it streams: what happens now, calls and their results, the
 * text, the sources at the end.
 *
 * Markdown stays as it is but for links to sources and, with colours, bold. Control characters that documents
 * might carry never reach the terminal.
 */
import type { Json, KnownEvent } from "throughline/client"

type Sink = { readonly write: (text: string) => unknown }
/** An event as it came; unknown types are passed over. */
type Printed = { readonly type: string }

/** `print` is called with every event of one run, in order. */
export const printer = (out: Sink, options: { readonly colour: boolean }): ((event: Printed) => void) => {
  const paint = (code: number, text: string): string => (options.colour ? `\u001b[${code}m${text}\u001b[0m` : text)
  const dim = (text: string): string => paint(2, text)
  const calls = new Map<string, string>()
  const sources: string[] = []
  const kinds = new Map<string, "text" | "reasoning">()
  /** Text of the open part that is not printed yet: the last line, when it may hold the start of a mark. */
  let pending = ""
  let atLineStart = true
  let blank = true

  const write = (text: string): void => {
    if (text === "") return
    out.write(text)
    atLineStart = text.endsWith("\n")
    blank = text.endsWith("\n\n") || (blank && text === "\n")
  }
  const line = (text: string): void => {
    flush(true)
    write(`${atLineStart ? "" : "\n"}${text}\n`)
  }
  const inline = (text: string): string =>
    plain(text)
      .replace(/\[((?:\\.|[^\]\\])*)\]\(#source-[^)]*\)/g, "$1")
      .replace(/\*\*([^*\n]+)\*\*/g, (_, bold: string) => (options.colour ? paint(1, bold) : bold))
      .replace(/\\([\\`*_[\]<>|~#])/g, "$1")
  /** Prints what is complete: whole lines, and of the last one what no mark can change any more. */
  const flush = (all: boolean): void => {
    const end = all
      ? pending.length
      : Math.max(
          pending.lastIndexOf("\n") + 1,
          /[[\]*\\]/.test(pending.slice(pending.lastIndexOf("\n") + 1)) ? 0 : pending.length
        )
    const text = pending.slice(0, end)
    pending = pending.slice(end)
    if (text !== "") write(inline(text))
  }

  return (raw) => {
    const event = raw as KnownEvent
    switch (event.type) {
      case "message.posted":
        if (event.role === "user")
          line(paint(1, plain(event.parts.map((part) => (part.type === "text" ? part.text : "")).join("\n"))))
        return
      case "run.status":
        line(
          dim(
            `· ${plain(event.label)}${event.detail === undefined ? "" : `  ${plain(event.detail)}`}${event.fraction === undefined ? "" : `  ${Math.round(event.fraction * 100)} %`}`
          )
        )
        return
      case "text.started":
        kinds.set(event.part, "text")
        flush(true)
        if (!blank) write(atLineStart ? "\n" : "\n\n")
        return
      case "reasoning.started":
        kinds.set(event.part, "reasoning")
        flush(true)
        return
      case "text.delta":
        pending += event.text
        flush(false)
        return
      case "reasoning.delta":
        line(dim(`  ${plain(event.text)}`))
        return
      case "text.finished":
        flush(true)
        return
      case "tool.started":
        calls.set(event.call, plain(event.title ?? event.name))
        return
      case "tool.finished": {
        const { outcome } = event
        const said =
          outcome.type === "ok"
            ? ""
            : outcome.type === "failed"
              ? `: ${plain(outcome.error.message)}`
              : `: ${outcome.type}`
        line(
          `${outcome.type === "ok" ? paint(32, "✓") : paint(31, "✗")} ${dim(`${calls.get(event.call) ?? event.call}${said}`)}`
        )
        calls.delete(event.call)
        return
      }
      case "source.cited":
        sources.push(plain(event.url ?? event.name ?? event.title ?? event.source))
        return
      case "ask.opened":
        line(`${blank ? "" : "\n"}${paint(1, `? ${plain(event.prompt)}`)}\n${shown(event.input)}`)
        return
      case "ask.resolved":
        line(dim(`· ${event.answer.type}${event.by === undefined ? "" : ` by ${plain(event.by)}`}`))
        return
      case "interrupt.received":
        if (event.interrupt.kind === "answer" && event.verdict.type === "accepted") return
        line(dim(`· ${event.interrupt.kind} ${event.verdict.type}`))
        return
      case "run.finished": {
        if (sources.length > 0)
          line(
            `${blank ? "" : "\n"}${paint(1, "Sources")}\n${[...new Set(sources)].map((source) => `  ${source}`).join("\n")}`
          )
        const { outcome } = event
        const said =
          outcome.type === "completed"
            ? paint(32, "Completed")
            : outcome.type === "cancelled"
              ? "Stopped"
              : paint(31, `Failed: ${plain(outcome.error.message)} (${outcome.error.code})`)
        line(`${blank ? "" : "\n"}${said}`)
        return
      }
      default:
        return
    }
  }
}

/** What is to be approved, a field per line, long ones below their name. */
const shown = (input: Json | undefined): string =>
  typeof input !== "object" || input === null
    ? ""
    : Object.entries(input)
        .filter(([, value]) => value !== null)
        .map(([name, value]) => {
          const text = plain(typeof value === "string" ? value.trimEnd() : JSON.stringify(value))
          return `  ${name}: ${text.includes("\n") ? `\n${text.replace(/^/gm, "  | ")}` : text}`
        })
        .join("\n")

/** Without control characters, escape sequences among them, and without marks that turn the direction of text. */
const plain = (text: string): string =>
  text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "")
