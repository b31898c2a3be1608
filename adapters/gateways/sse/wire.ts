/**
 * What passes from the gateway to a client: server-sent events, as the HTML standard has them.
 *
 * A frame is an event without a name. One that has line breaks of its own, which the format would take for its own, is
 * sent as a JSON string, named `quoted`. `open` says that frames come from now on, and by which name to ask for a sign of
 * life; a comment is such a sign. Ids are `<start of the gateway>-<count>`.
 */
export interface ServerEvent {
  readonly id: string
  readonly name: string
  readonly data: string
}
export const OPEN = "open"
export const QUOTED = "quoted"
export const SIGN_OF_LIFE = ":\n\n"

export const encodeEvent = ({ data, id, name }: ServerEvent): string =>
  `${name === "" ? "" : `event: ${name}\n`}id: ${id}\ndata: ${data}\n\n`

export const frameEvent = (id: string, frame: string): ServerEvent =>
  /[\r\n]/.test(frame) ? { id, name: QUOTED, data: JSON.stringify(frame) } : { id, name: "", data: frame }
export const frameOf = ({ data, name }: ServerEvent): string | undefined =>
  name === "" ? data : name === QUOTED ? (JSON.parse(data) as string) : undefined

/** Takes pieces of a stream as they come; answers the events that are complete with them. */
export const createParser = (): ((piece: string) => readonly ServerEvent[]) => {
  let pieces: string[] = []
  return (piece) => {
    // only a line break ends anything, and a long event comes in many pieces
    if (!piece.includes("\n")) {
      pieces.push(piece)
      return []
    }
    const blocks = [...pieces, piece].join("").split("\n\n")
    pieces = [blocks.pop()!]
    return blocks.flatMap(parseBlock)
  }
}
const parseBlock = (block: string): readonly ServerEvent[] => {
  const event = { id: "", name: "", data: "" }
  let isEvent = false
  for (const line of block.split("\n")) {
    const colon = line.indexOf(": ")
    const value = line.slice(colon + 2)
    if (line.startsWith("event: ")) event.name = value
    else if (line.startsWith("id: ")) event.id = value
    else if (line.startsWith("data: ")) {
      event.data = value
      isEvent = true
    }
  }
  return isEvent ? [event] : []
}
