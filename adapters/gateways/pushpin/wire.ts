/**
 * What passes between a client and the backend through Pushpin, over a socket or as server-sent events.
 *
 * A frame is sent as it was published: a text that begins with `{`. Everything else is an array on a socket, a named
 * event on a stream. A frame with line breaks of its own, which server-sent events would take for theirs, is sent there
 * as a JSON string, named `quoted`.
 */
import type { Json } from "../../../src/protocol/Json.ts"

/** The ticket is the second subprotocol, where no access log writes it down. */
export const SUBPROTOCOL = "throughline.v1"
/** After so much silence Pushpin says by itself that a connection lives. */
export const SOCKET_BEAT_SECONDS = 15
/** Shorter, because nobody can ask over a stream. */
export const STREAM_BEAT_SECONDS = 4
/** A stream that was silent for this long is dead. */
export const STREAM_SILENCE_MILLIS = 9_000

export type FromClient =
  | { readonly type: "ping" }
  | { readonly type: "invoke"; readonly id: number; readonly event: string; readonly data: Json }
export type ToClient =
  | readonly ["open"]
  | readonly ["alive"]
  | readonly ["reply", id: number, data: unknown]
  | readonly ["failed", id: number, problem: string]

/** `undefined` for what is not a message of the backend. */
export const parseToClient = (text: string): ToClient | undefined => {
  try {
    const message: unknown = JSON.parse(text)
    return Array.isArray(message) ? (message as unknown as ToClient) : undefined
  } catch {
    return undefined
  }
}

export const OPEN_EVENT = "event: open\ndata:\n\n"
export const SIGN_OF_LIFE = ":\n\n"
export const encodeFrame = (frame: string): string =>
  /[\r\n]/.test(frame) ? `event: quoted\ndata: ${JSON.stringify(frame)}\n\n` : `data: ${frame}\n\n`

export interface StreamEvent {
  readonly name: string
  readonly data: string
}
export const frameOf = ({ data, name }: StreamEvent): string | undefined =>
  name === "" ? data : name === "quoted" ? (JSON.parse(data) as string) : undefined

/** More than this without an end is no frame of ours. */
const MAX_EVENT_CHARACTERS = 1_000_000

/** Takes pieces of a stream as they come; answers the events that are complete. Throws when one has no end. */
export const createParser = (): ((piece: string) => readonly StreamEvent[]) => {
  let pieces: string[] = []
  let waiting = 0
  return (piece) => {
    waiting += piece.length
    // only a line break ends anything, and a long event comes in many pieces
    if (!piece.includes("\n")) {
      if (waiting > MAX_EVENT_CHARACTERS) throw new Error("an event is too large")
      pieces.push(piece)
      return []
    }
    const blocks = [...pieces, piece].join("").split("\n\n")
    const rest = blocks.pop()!
    if (rest.length > MAX_EVENT_CHARACTERS) throw new Error("an event is too large")
    pieces = [rest]
    waiting = rest.length
    return blocks.flatMap(parseBlock)
  }
}
const parseBlock = (block: string): readonly StreamEvent[] => {
  let name = ""
  let data: string | undefined
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) name = line.slice(7)
    else if (line.startsWith("data: ")) data = line.slice(6)
    else if (line === "data:") data = ""
  }
  return data === undefined ? [] : [{ name, data }]
}
