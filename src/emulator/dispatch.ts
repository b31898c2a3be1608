/**
 * What each frame of a client does: groups, sends, acknowledgements, and events to the upstream.
 *
 * Events and invocations of one connection go to the upstream one after the other; everything else happens at once.
 */
import { CLOSE_POLICY } from "./connection.ts"
import type { Connection } from "./connection.ts"
import { readClientFrame } from "./clientFrames.ts"
import type { ClientFrame } from "./clientFrames.ts"
import * as Frames from "./frames.ts"
import type { Payload } from "./frames.ts"
import { fanOut } from "./hub.ts"
import type { Hub } from "./hub.ts"
import { reportUpstream } from "./service.ts"
import type { Service } from "./service.ts"
import { sendCloudEvent } from "./upstream.ts"
import type { Answer } from "./upstreamCall.ts"

const CONTENT_TYPES: Readonly<Record<Frames.DataType, string>> = {
  text: "text/plain; charset=utf-8",
  json: "application/json; charset=utf-8",
  binary: "application/octet-stream",
  protobuf: "application/x-protobuf"
}

type Outcome =
  | { readonly ok: true; readonly reply: Payload | undefined }
  | { readonly ok: false; readonly reason: string }

/** Sends a user event to the upstream, takes over the connection's new state, and reads the reply. */
const callUpstream = async (
  service: Service,
  hub: Hub,
  connection: Connection,
  name: string,
  payload: Payload | undefined,
  signal?: AbortSignal
): Promise<Outcome | "none"> => {
  let answer: Answer | "none" | "blocked"
  try {
    answer = await sendCloudEvent(
      hub,
      connection,
      { kind: "user", name, contentType: CONTENT_TYPES[payload?.dataType ?? "text"], body: payload?.plain ?? "" },
      service.keys,
      service.call,
      signal
    )
  } catch (cause) {
    return { ok: false, reason: reportUpstream(service, hub, name, cause) }
  }
  if (answer === "none") {
    reportUpstream(service, hub, name, answer)
    return "none"
  }
  if (answer === "blocked" || answer.status < 200 || answer.status > 299) {
    return { ok: false, reason: reportUpstream(service, hub, name, answer) }
  }
  const state = answer.headers["ce-connectionstate"]
  if (typeof state === "string") connection.connectionState = state === "" ? undefined : state
  if (answer.body.length === 0) return { ok: true, reply: undefined }
  try {
    return { ok: true, reply: Frames.payloadFromBody(answer.headers["content-type"], answer.body) }
  } catch (cause) {
    const reason = `its event handler's answer is not readable (${(cause as Error).message})`
    service.log({ level: "warn", event: "upstream.failed", hub: hub.name, name, reason })
    return { ok: false, reason }
  }
}

const NOT_REGISTERED = "no event handler is registered for it"

/** A user event: its reply goes to the client as a message from the server, before the ack. */
const sendEvent = (
  service: Service,
  hub: Hub,
  connection: Connection,
  event: string,
  payload: Payload,
  ackId: number | undefined
): void => {
  const queued = connection.enqueue(async () => {
    const outcome = await callUpstream(service, hub, connection, event, payload)
    if (connection.ended) return
    if (outcome !== "none" && outcome.ok) {
      if (outcome.reply !== undefined) connection.deliver(Frames.serverMessage(outcome.reply))
      if (ackId !== undefined) connection.send(Frames.ackFrame(ackId))
    } else if (ackId !== undefined) {
      connection.releaseAckId(ackId)
      const reason = outcome === "none" ? NOT_REGISTERED : outcome.reason
      connection.send(Frames.ackFrame(ackId, { name: "InvocationFailed", message: `The event failed: ${reason}.` }))
    } else if (outcome !== "none") {
      // Nobody waits for an ack, so the service ends the connection instead of hiding the failure.
      connection.end(CLOSE_POLICY, `The event failed: ${outcome.reason}.`)
    }
  })
  if (!queued) connection.end(CLOSE_POLICY, "Too many events wait for the event handler.")
}

const invoke = (
  service: Service,
  hub: Hub,
  connection: Connection,
  frame: Extract<ClientFrame, { readonly type: "invoke" }>
): void => {
  const { invocationId } = frame
  if (connection.invocations.has(invocationId)) {
    const message = "An invocation with this invocationId is under way."
    return connection.send(Frames.invokeErrorFrame(invocationId, "BadRequest", message))
  }
  const abort = new AbortController()
  connection.invocations.set(invocationId, abort)
  const queued = connection.enqueue(async () => {
    if (!abort.signal.aborted) {
      const outcome = await callUpstream(service, hub, connection, frame.event, frame.payload, abort.signal)
      if (!abort.signal.aborted) {
        connection.send(
          outcome !== "none" && outcome.ok
            ? Frames.invokeResponseFrame(invocationId, outcome.reply)
            : Frames.invokeErrorFrame(
                invocationId,
                "InvocationFailed",
                `The event failed: ${outcome === "none" ? NOT_REGISTERED : outcome.reason}.`
              )
        )
      }
    }
    if (connection.invocations.get(invocationId) === abort) connection.invocations.delete(invocationId)
  })
  if (!queued) connection.end(CLOSE_POLICY, "Too many events wait for the event handler.")
}

const dispatch = (service: Service, hub: Hub, connection: Connection, frame: ClientFrame): void => {
  if ("ackId" in frame && frame.ackId !== undefined && !connection.takeAckId(frame.ackId)) {
    const message = "A message with the same ackId was already processed."
    return connection.send(Frames.ackFrame(frame.ackId, { name: "Duplicate", message }))
  }
  const acknowledge = (error?: { readonly name: Frames.AckError; readonly message: string }): void => {
    const ackId = (frame as { readonly ackId?: number }).ackId
    if (ackId === undefined) return
    if (error !== undefined) connection.releaseAckId(ackId)
    connection.send(Frames.ackFrame(ackId, error))
  }
  switch (frame.type) {
    case "ping":
      return connection.send(Frames.PONG_FRAME)
    case "sequenceAck":
      if (connection.acknowledge(frame.sequenceId) === "ahead") {
        service.stats.protocolErrors++
        connection.end(CLOSE_POLICY, 'BAD_NUMBER: "sequenceId" is ahead of what was sent')
      }
      return
    case "joinGroup":
    case "leaveGroup":
      if (!connection.may("joinLeaveGroup", frame.group)) {
        return acknowledge({ name: "Forbidden", message: "The client may not join or leave this group." })
      }
      if (frame.type === "joinGroup") hub.join(connection, frame.group)
      else hub.leave(connection, frame.group)
      return acknowledge()
    case "sendToGroup": {
      if (!connection.may("sendToGroup", frame.group)) {
        return acknowledge({ name: "Forbidden", message: "The client may not send to this group." })
      }
      sendToGroup(service, hub, connection, frame.group, frame.payload, frame.noEcho)
      return acknowledge()
    }
    case "event":
      return sendEvent(service, hub, connection, frame.event, frame.payload, frame.ackId)
    case "invoke":
      return invoke(service, hub, connection, frame)
    case "cancelInvocation":
      connection.invocations.get(frame.invocationId)?.abort()
      connection.invocations.delete(frame.invocationId)
      return
    case "unsupported": {
      const message = `The emulator does not know ${frame.name} yet.`
      if (frame.streamId !== undefined) connection.send(Frames.streamClosedFrame(frame.streamId, message))
      return acknowledge({ name: "InternalServerError", message })
    }
  }
}

const sendToGroup = (
  service: Service,
  hub: Hub,
  from: Connection,
  group: string,
  payload: Payload,
  noEcho: boolean
): void => {
  const message = Frames.groupMessage(JSON.stringify(group), payload, from.userId)
  service.stats.delivered += fanOut(hub.group(group), message, noEcho ? new Set([from.id]) : undefined)
}

/** Takes one frame from a socket. Never throws: a broken frame ends the connection with the reason. */
export const receive = (service: Service, hub: Hub, connection: Connection, data: Buffer, isBinary: boolean): void => {
  if (connection.ended) return
  if (connection.protocol === "simple") {
    const payload: Payload = isBinary
      ? { dataType: "binary", dataJson: JSON.stringify(data.toString("base64")), plain: data }
      : Frames.payloadFromFrame("text", data.toString("utf8"))
    if (connection.sendsTo === undefined) sendEvent(service, hub, connection, "message", payload, undefined)
    else if (connection.may("sendToGroup", connection.sendsTo)) {
      sendToGroup(service, hub, connection, connection.sendsTo, payload, false)
    }
    return
  }
  if (isBinary) {
    service.stats.protocolErrors++
    return connection.end(1003, "BAD_SHAPE: this subprotocol has text frames only")
  }
  try {
    dispatch(service, hub, connection, readClientFrame(data.toString("utf8")))
  } catch (cause) {
    service.stats.protocolErrors++
    const reason = cause instanceof Error ? cause.message : "the frame could not be read"
    service.log({ level: "warn", event: "client.protocolError", connection: connection.id, reason })
    connection.end(CLOSE_POLICY, reason)
  }
}
