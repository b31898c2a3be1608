/**
 * What a reliable connection has sent and its client has not acknowledged: at most 1,000 messages or 16 MB.
 *
 * A queue over an array with a moving start: pushing and trimming cost the same however much is kept.
 */
export const MAX_UNACKED_MESSAGES = 1_000
export const MAX_UNACKED_BYTES = 16 * 1024 * 1024

export class Unacked {
  #frames: (string | undefined)[] = []
  #sizes: number[] = []
  #start = 0
  #bytes = 0
  #acked = 0
  #last = 0

  /** The sequence id of the newest message, 0 before the first. */
  get last(): number {
    return this.#last
  }
  get size(): number {
    return this.#frames.length - this.#start
  }

  /** Keeps the frame under the next sequence id; false when the connection has to go because too much is unacknowledged. */
  push(frame: string, bytes: number): boolean {
    this.#last++
    this.#frames.push(frame)
    this.#sizes.push(bytes)
    this.#bytes += bytes
    return this.size <= MAX_UNACKED_MESSAGES && this.#bytes <= MAX_UNACKED_BYTES
  }

  /** Drops what the client has. `ahead`: it acknowledged what was never sent. `stale`: nothing new, or not a sequence id. */
  ack(sequenceId: unknown): "trimmed" | "stale" | "ahead" {
    if (typeof sequenceId !== "number" || !Number.isInteger(sequenceId) || sequenceId < 0) return "stale"
    if (sequenceId > this.#last) return "ahead"
    if (sequenceId <= this.#acked) return "stale"
    const end = this.#start + (sequenceId - this.#acked)
    for (let i = this.#start; i < end; i++) {
      this.#bytes -= this.#sizes[i]!
      this.#frames[i] = undefined
    }
    this.#start = end
    this.#acked = sequenceId
    // Compact when half is empty: each element moves at most once on average.
    if (this.#start > 64 && this.#start * 2 > this.#frames.length) {
      this.#frames = this.#frames.slice(this.#start)
      this.#sizes = this.#sizes.slice(this.#start)
      this.#start = 0
    }
    return "trimmed"
  }

  /** What a recovered client has to get again, oldest first. */
  *frames(): Iterable<string> {
    for (let i = this.#start; i < this.#frames.length; i++) yield this.#frames[i]!
  }
}
