/**
 * Reads the frames that a client of the JSON subprotocols sends, into one typed shape or a `ProtocolFault`.
 *
 * Bounds come before parsing; keys such as `__proto__` are refused in the frame itself and only carried inside `data`.
 */
import { isTooDeep, MAX_DEPTH, payloadFromFrame } from "./frames.ts"
import type { DataType, Payload } from "./frames.ts"
import { isGroupName } from "./hub.ts"

export type ClientFrame =
  | { readonly type: "joinGroup" | "leaveGroup"; readonly group: string; readonly ackId: number | undefined }
  | {
      readonly type: "sendToGroup"
      readonly group: string
      readonly ackId: number | undefined
      readonly noEcho: boolean
      readonly payload: Payload
    }
  | { readonly type: "event"; readonly event: string; readonly ackId: number | undefined; readonly payload: Payload }
  | { readonly type: "sequenceAck"; readonly sequenceId: unknown }
  | { readonly type: "ping" }
  | {
      readonly type: "invoke"
      readonly invocationId: string
      readonly event: string
      readonly payload: Payload | undefined
    }
  | { readonly type: "cancelInvocation"; readonly invocationId: string }
  /** Client streams and group state, which the service has and the emulator has not. */
  | {
      readonly type: "unsupported"
      readonly name: string
      readonly ackId: number | undefined
      readonly streamId?: string
    }

export type FaultCode = "BAD_JSON" | "BAD_SHAPE" | "BAD_NUMBER" | "FORBIDDEN_KEY" | "TOO_DEEP" | "UNKNOWN_TYPE"

/** A frame that breaks the protocol. The connection is told and closed; nothing of the frame took effect. */
export class ProtocolFault extends Error {
  override readonly name = "ProtocolFault"
  readonly code: FaultCode
  constructor(code: FaultCode, message: string) {
    super(`${code}: ${message}`)
    this.code = code
  }
}

type Fields = Readonly<Record<string, unknown>>

const kindOf = (value: unknown): string => (value === null ? "null" : Array.isArray(value) ? "array" : typeof value)

const parse = (text: string): Fields => {
  if (text.trim() === "") throw new ProtocolFault("BAD_JSON", "the frame is empty")
  if (isTooDeep(text)) throw new ProtocolFault("TOO_DEEP", `the frame nests deeper than ${MAX_DEPTH} levels`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    const position = /position (\d+)/.exec(String(cause))?.[1] ?? String(text.length)
    throw new ProtocolFault("BAD_JSON", `the frame is not valid JSON at position ${position}`)
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ProtocolFault("BAD_SHAPE", `the frame must be an object, got ${kindOf(value)}`)
  }
  if (Object.hasOwn(value, "__proto__")) throw new ProtocolFault("FORBIDDEN_KEY", 'the frame has the key "__proto__"')
  return value as Fields
}

const textOf = (frame: Fields, field: string): string => {
  const value = frame[field]
  if (typeof value !== "string" || value === "") {
    throw new ProtocolFault("BAD_SHAPE", `"${field}" must be a non-empty text, got ${kindOf(value)}`)
  }
  return value
}

const groupOf = (frame: Fields): string => {
  const group = textOf(frame, "group")
  if (!isGroupName(group)) throw new ProtocolFault("BAD_SHAPE", '"group" must have 1 to 1024 characters, not all blank')
  return group
}

const ackIdOf = (frame: Fields): number | undefined => {
  const ackId = frame["ackId"]
  if (ackId === undefined || ackId === null) return undefined
  if (typeof ackId !== "number" || !Number.isSafeInteger(ackId) || ackId < 0) {
    throw new ProtocolFault("BAD_NUMBER", `"ackId" must be an integer from 0 to ${Number.MAX_SAFE_INTEGER}`)
  }
  return ackId
}

const DATA_TYPES: ReadonlySet<unknown> = new Set(["text", "json", "binary", "protobuf"])

const payloadOf = (frame: Fields): Payload => {
  const dataType = frame["dataType"] ?? "json"
  if (!DATA_TYPES.has(dataType)) {
    throw new ProtocolFault("BAD_SHAPE", '"dataType" must be text, json, binary or protobuf')
  }
  const data = frame["data"]
  if (data === undefined) throw new ProtocolFault("BAD_SHAPE", '"data" is missing')
  if (dataType !== "json" && typeof data !== "string") {
    throw new ProtocolFault(
      "BAD_SHAPE",
      `"data" must be a text when dataType is ${String(dataType)}, got ${kindOf(data)}`
    )
  }
  if ((dataType === "binary" || dataType === "protobuf") && !/^[A-Za-z0-9+/]*={0,2}$/.test(data as string)) {
    throw new ProtocolFault("BAD_SHAPE", '"data" must be base64')
  }
  return payloadFromFrame(dataType as DataType, data)
}

/** Decodes one text frame; fails with `ProtocolFault`. */
export const readClientFrame = (text: string): ClientFrame => {
  const frame = parse(text)
  const type = textOf(frame, "type")
  switch (type) {
    case "ping":
      return { type }
    case "sequenceAck":
      return { type, sequenceId: frame["sequenceId"] }
    case "joinGroup":
    case "leaveGroup":
      return { type, group: groupOf(frame), ackId: ackIdOf(frame) }
    case "sendToGroup": {
      const group = groupOf(frame)
      const ackId = ackIdOf(frame)
      if (typeof frame["stream"] === "object" && frame["stream"] !== null) {
        return { type: "unsupported", name: "stream", ackId, streamId: textOf(frame["stream"] as Fields, "streamId") }
      }
      return { type, group, ackId, noEcho: frame["noEcho"] === true, payload: payloadOf(frame) }
    }
    case "event":
      return { type, event: textOf(frame, "event"), ackId: ackIdOf(frame), payload: payloadOf(frame) }
    case "invoke": {
      if (frame["target"] !== "event") throw new ProtocolFault("BAD_SHAPE", '"target" must be "event"')
      return {
        type,
        invocationId: textOf(frame, "invocationId"),
        event: textOf(frame, "event"),
        payload: frame["data"] === undefined && frame["dataType"] === undefined ? undefined : payloadOf(frame)
      }
    }
    case "cancelInvocation":
      return { type, invocationId: textOf(frame, "invocationId") }
    case "streamData":
    case "streamEnd":
      return { type: "unsupported", name: "stream", ackId: undefined, streamId: textOf(frame, "streamId") }
    case "setGroupState":
    case "subscribeGroupState":
    case "unsubscribeGroupState":
      return { type: "unsupported", name: "group state", ackId: ackIdOf(frame) }
    default:
      throw new ProtocolFault("UNKNOWN_TYPE", '"type" is not one of this protocol\'s requests')
  }
}
