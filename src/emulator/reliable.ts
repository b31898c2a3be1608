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
  /** Sequence id of the newest frame that `next` gave. */
  #taken = 0
  #last = 0

  get size(): number {
    return this.#messages.length - this.#start
  }

  /** Keeps it under the next sequence id; false when the connection has to go because too much is unacknowledged. */
  push(message: Message): boolean {
    this.#last++
    this.#messages.push(message)
    this.#bytes += message.bytes
    return this.size <= MAX_UNACKED_MESSAGES && this.#bytes <= MAX_UNACKED_BYTES
  }

  /** The oldest frame that was not taken yet. */
  next(): string | undefined {
    const message = this.#messages[this.#start + this.#taken - this.#acked]
    return message === undefined ? undefined : '{"sequenceId":' + ++this.#taken + "," + message.tail
  }

  /** A recovered client has to get again what it did not acknowledge. */
  rewind(): void {
    this.#taken = this.#acked
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
    // a recovered client may acknowledge what it has from before
    this.#taken = Math.max(this.#taken, sequenceId)
    // Compact when half is empty: each element moves at most once on average.
    if (this.#start > 64 && this.#start * 2 > this.#messages.length) {
      this.#messages = this.#messages.slice(this.#start)
      this.#start = 0
    }
    return "trimmed"
  }
}
