/**
 * What the service sends: payloads and the JSON text of every frame to a client.
 *
 * A message is turned into text once, however many connections get it; a reliable connection only puts its sequence id
 * in front. Key order is the service's own (`type, from, group, dataType, data, fromUserId`).
 */
import { isUtf8 } from "node:buffer"

export type DataType = "text" | "json" | "binary" | "protobuf"

export interface Payload {
  readonly dataType: DataType
  /** The JSON text of the frame's `data` member. */
  readonly dataJson: string
  /** The same for a client without subprotocol: a text frame, or a binary one. */
  readonly plain: string | Buffer
}

export class BadPayload extends Error {
  override readonly name = "BadPayload"
}

/** The deepest nesting of arrays and objects that the service's JSON reader accepts. */
export const MAX_DEPTH = 64

/** Whether brackets outside strings nest deeper than `MAX_DEPTH`. One pass, no recursion: run it before any parsing. */
export const isTooDeep = (json: string): boolean => {
  // Each level costs two characters, so most messages need no look at all.
  if (json.length <= 2 * MAX_DEPTH) return false
  let depth = 0
  let inString = false
  for (let i = 0; i < json.length; i++) {
    const c = json.charCodeAt(i)
    if (inString) {
      if (c === 0x5c) i++
      else if (c === 0x22) inString = false
    } else if (c === 0x22) inString = true
    else if (c === 0x7b || c === 0x5b) {
      if (++depth > MAX_DEPTH) return true
    } else if (c === 0x7d || c === 0x5d) depth--
  }
  return false
}

const utf8 = (body: Buffer): string => {
  if (!isUtf8(body)) throw new BadPayload("the body is not valid UTF-8")
  return body.toString("utf8")
}

/**
 * The payload of an HTTP body, by its Content-Type: `text/plain`, `application/json`, `application/octet-stream`.
 *
 * JSON is checked, then spliced into frames as it came: what is not valid JSON would forge frame members.
 */
export const payloadFromBody = (contentType: string | undefined, body: Buffer): Payload => {
  const semicolon = contentType?.indexOf(";") ?? -1
  const mediaType = (semicolon < 0 ? contentType : contentType?.slice(0, semicolon))?.trim().toLowerCase()
  switch (mediaType) {
    case "text/plain": {
      const plain = utf8(body)
      return { dataType: "text", dataJson: JSON.stringify(plain), plain }
    }
    case "application/json": {
      const json = utf8(body)
      if (isTooDeep(json)) throw new BadPayload(`the body nests deeper than ${MAX_DEPTH} levels`)
      try {
        JSON.parse(json)
      } catch {
        throw new BadPayload("the body is not valid JSON")
      }
      return { dataType: "json", dataJson: json, plain: json }
    }
    case "application/octet-stream":
      return { dataType: "binary", dataJson: `"${body.toString("base64")}"`, plain: body }
    default:
      throw new BadPayload("Content-Type must be text/plain, application/json or application/octet-stream")
  }
}

/** The payload of a client's frame; `data` was parsed from JSON. */
export const payloadFromFrame = (dataType: DataType, data: unknown): Payload => {
  const dataJson = JSON.stringify(data)
  if (dataType === "json") return { dataType, dataJson, plain: dataJson }
  const text = data as string
  return { dataType, dataJson, plain: dataType === "text" ? text : Buffer.from(text, "base64") }
}

/** One message to any number of connections. */
export class Message {
  /** The frame without its opening brace. */
  readonly tail: string
  /** About the size in bytes, for the bound of what a connection may leave unacknowledged. */
  readonly bytes: number
  readonly payload: Payload
  #frame: string | undefined

  constructor(tail: string, payload: Payload) {
    this.tail = tail
    this.payload = payload
    this.bytes = tail.length + 24
  }

  /** The frame of the protocol that counts nothing. */
  get frame(): string {
    return (this.#frame ??= `{${this.tail}`)
  }
}

export const groupMessage = (groupJson: string, payload: Payload, fromUserId: string | undefined): Message =>
  new Message(
    '"type":"message","from":"group","group":' +
      groupJson +
      ',"dataType":"' +
      payload.dataType +
      '","data":' +
      payload.dataJson +
      (fromUserId === undefined ? "}" : ',"fromUserId":' + JSON.stringify(fromUserId) + "}"),
    payload
  )

export const serverMessage = (payload: Payload): Message =>
  new Message(
    '"type":"message","from":"server","dataType":"' + payload.dataType + '","data":' + payload.dataJson + "}",
    payload
  )

export const connectedFrame = (
  userId: string | undefined,
  connectionId: string,
  reconnectionToken: string | undefined
) => JSON.stringify({ type: "system", event: "connected", userId, connectionId, reconnectionToken })

export const disconnectedFrame = (message: string): string =>
  JSON.stringify({ type: "system", event: "disconnected", message })

export const PONG_FRAME = '{"type":"pong"}'

export type AckError = "Forbidden" | "InternalServerError" | "Duplicate" | "InvocationFailed" | "BadRequest"

export const ackFrame = (ackId: number, error?: { readonly name: AckError; readonly message: string }): string =>
  error === undefined
    ? `{"type":"ack","ackId":${ackId},"success":true}`
    : JSON.stringify({ type: "ack", ackId, success: false, error })

export const invokeResponseFrame = (invocationId: string, payload: Payload | undefined): string =>
  `{"type":"invokeResponse","invocationId":${JSON.stringify(invocationId)},"success":true` +
  (payload === undefined ? "}" : `,"dataType":"${payload.dataType}","data":${payload.dataJson}}`)

export const invokeErrorFrame = (invocationId: string, name: AckError, message: string): string =>
  JSON.stringify({ type: "invokeResponse", invocationId, success: false, error: { name, message } })

export const streamClosedFrame = (streamId: string, message: string): string =>
  JSON.stringify({ type: "streamClosed", streamId, error: { name: "BadRequest", message } })
