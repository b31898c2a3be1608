/**
 * What a reliable connection has sent and its client has not acknowledged: at most 1,000 messages or 16 MB.
 *
 * A queue over an array with a moving start: pushing and trimming cost the same however much is kept. Messages are kept
 * as all of their receivers share them, so that a thousand clients that stop reading cost little more than one.
 */
import type { Message } from "./frames.ts"

export const MAX_UNACKED_MESSAGES = 1_000
export const MAX_UNACKED_BYTES = 16 * 1024 * 1024

export class Unacked {
  #messages: (Message | undefined)[] = []
  #start = 0
  #bytes = 0
  #acked = 0
  #last = 0

  get size(): number {
    return this.#messages.length - this.#start
  }

  /** The frame under the next sequence id; undefined when the connection has to go because too much is unacknowledged. */
  push(message: Message): string | undefined {
    this.#last++
    this.#messages.push(message)
    this.#bytes += message.bytes
    const fits = this.size <= MAX_UNACKED_MESSAGES && this.#bytes <= MAX_UNACKED_BYTES
    return fits ? frameOf(this.#last, message) : undefined
  }

  /** Drops what the client has. `ahead`: it acknowledged what was never sent. `stale`: nothing new, or not a sequence id. */
  ack(sequenceId: unknown): "trimmed" | "stale" | "ahead" {
    if (typeof sequenceId !== "number" || !Number.isInteger(sequenceId) || sequenceId < 0) return "stale"
    if (sequenceId > this.#last) return "ahead"
    if (sequenceId <= this.#acked) return "stale"
    const end = this.#start + (sequenceId - this.#acked)
    for (let i = this.#start; i < end; i++) {
      this.#bytes -= this.#messages[i]!.bytes
      this.#messages[i] = undefined
    }
    this.#start = end
    this.#acked = sequenceId
    // Compact when half is empty: each element moves at most once on average.
    if (this.#start > 64 && this.#start * 2 > this.#messages.length) {
      this.#messages = this.#messages.slice(this.#start)
      this.#start = 0
    }
    return "trimmed"
  }

  /** What a recovered client has to get again, oldest first. */
  *frames(): Iterable<string> {
    for (let i = this.#start; i < this.#messages.length; i++)
      yield frameOf(this.#acked + 1 + i - this.#start, this.#messages[i]!)
  }
}

const frameOf = (sequenceId: number, message: Message): string => '{"sequenceId":' + sequenceId + "," + message.tail
