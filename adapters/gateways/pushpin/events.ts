/**
 * WebSocket-over-HTTP: the events of one call, out of its body. https://pushpin.org/docs/protocols/websocket-over-http/
 *
 * Of our own, because the package's decoder never ends on a negative length and takes quadratic time, and clients decide
 * how many messages come in one call. Encoding is the package's.
 */
export interface SocketEvent {
  readonly type: string
  readonly content: Buffer | undefined
}

const LINE_END = "\r\n"
const LINE = /^([A-Z]{1,16})(?: ([0-9a-fA-F]{1,8}))?$/

/** `undefined` for a body that is malformed or holds more than `maxEvents`. What follows a `CLOSE` is not looked at. */
export const decodeEvents = (body: Buffer, maxEvents: number): readonly SocketEvent[] | undefined => {
  const events: SocketEvent[] = []
  let at = 0
  while (at < body.length) {
    const end = body.indexOf(LINE_END, at)
    if (end < 0 || end - at > 32 || events.length >= maxEvents) return undefined
    const [, type, length] = LINE.exec(body.toString("latin1", at, end)) ?? []
    if (type === undefined) return undefined
    at = end + LINE_END.length
    if (type === "CLOSE") return [...events, { type, content: undefined }]
    if (length === undefined) {
      events.push({ type, content: undefined })
      continue
    }
    const next = at + Number.parseInt(length, 16)
    if (body.toString("latin1", next, next + LINE_END.length) !== LINE_END) return undefined
    events.push({ type, content: body.subarray(at, next) })
    at = next + LINE_END.length
  }
  return events
}
