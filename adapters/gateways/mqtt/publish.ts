/**
 * The hot path: one frame to one topic with QoS 1, over one connection that is made when it is needed and again after it closed.
 *
 * No frame is sent twice. What was under way when the connection closed fails; clients fetch it from the log.
 */
import { FrameTooLarge, GatewayThrottled } from "../../../src/ports/GatewayError.ts"
import type { Line } from "./line.ts"

export interface Publisher {
  /** Rejects with a `Reason`. A frame that was handed to the broker goes out, whatever the signal says. */
  readonly publish: (topic: string, frame: string, signal: AbortSignal) => Promise<void>
  readonly close: () => void
}
/** Frames that wait for their turn; each waits as long as the broker may take to answer those before it. */
const MAX_WAITING = 4_096
/** Fixed header, length, packet id and no properties. */
const PACKET_BYTES = 1 + 4 + 2 + 2 + 1

export const makePublisher = (open: () => Promise<Line>, maxInFlight: number): Publisher => {
  let opening: Promise<Line> | undefined
  let inFlight = 0
  let closed = false
  const waiting: (() => void)[] = []

  const connect = (): Promise<Line> => {
    const mine = open().then((line) => {
      if (closed) line.close()
      void line.closed.then(forget)
      return line
    })
    const forget = () => {
      if (opening === mine) opening = undefined
    }
    mine.catch(forget)
    return mine
  }
  const send = async (topic: string, frame: string, signal: AbortSignal) => {
    const line = await (opening ??= connect())
    if (signal.aborted) return
    const limitBytes = line.maximumPacketSize - Buffer.byteLength(topic) - PACKET_BYTES
    const sizeBytes = Buffer.byteLength(frame)
    if (sizeBytes > limitBytes) throw new FrameTooLarge({ sizeBytes, limitBytes })
    if (inFlight < Math.min(maxInFlight, line.receiveMaximum)) inFlight++
    else if (waiting.length >= MAX_WAITING) throw new GatewayThrottled({ retryAfterMillis: 100 })
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      if (!signal.aborted) await line.publish(topic, frame, { qos: 1 })
    } finally {
      // whoever waits longest takes the place over, so that none overtakes another
      const next = waiting.shift()
      if (next === undefined) inFlight--
      else next()
    }
  }

  return {
    publish: send,
    close: () => {
      closed = true
      void opening?.then(
        (line) => line.close(),
        () => {}
      )
    }
  }
}
