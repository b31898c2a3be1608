/**
 * One frame to every connection of a group: a bounded number of posts at a time, and one at a time for each connection,
 * in the order in which they were asked for. Nothing is repeated; who is missed fetches from the log.
 */
import {
  FrameTooLarge,
  GatewayRefused,
  GatewayThrottled,
  GatewayUnavailable,
  type GatewayError
} from "../../../src/ports/GatewayError.ts"
import { capabilities } from "./capabilities.ts"
import { isGone, reasonOf } from "./failures.ts"
import type { Post } from "./sdk.ts"

export interface Posts {
  /**
   * Answers why it failed: refused, if AWS refused one; throttled, if most were (one alone may only be a client that
   * reads too slowly); unavailable, if one was not reached. `onGone` removes a connection that has ended.
   */
  readonly send: (options: {
    readonly post: Post
    readonly members: AsyncIterable<readonly string[]>
    readonly frame: string
    readonly signal: AbortSignal
    readonly onGone: (connection: string) => Promise<unknown>
  }) => Promise<GatewayError["reason"] | undefined>
}

export const makePosts = (maxPosts: number): Posts => {
  /** The end of each connection's newest post; never rejects. */
  const newest = new Map<string, Promise<void>>()
  const inTurn = (connection: string, run: () => Promise<void>): Promise<void> => {
    const mine = (newest.get(connection) ?? Promise.resolve()).then(run)
    newest.set(connection, mine)
    return mine.finally(() => {
      if (newest.get(connection) === mine) newest.delete(connection)
    })
  }
  return {
    send: async ({ frame, members, onGone, post, signal }) => {
      const failures: GatewayError["reason"][] = []
      let asked = 0
      const one = async (connection: string): Promise<void> => {
        if (signal.aborted) return
        try {
          await post(connection, frame, signal)
        } catch (cause) {
          if (!isGone(cause)) failures.push(reasonOf(cause))
          // its rows expire by themselves, should this fail
          else await onGone(connection).catch(() => {})
        }
      }
      const running = new Set<Promise<void>>()
      for await (const page of members) {
        for (const connection of page) {
          if (running.size >= maxPosts) await Promise.race(running)
          // a refusal is about us, and the rest would be refused as well
          if (signal.aborted || failures.some(({ _tag }) => _tag === "GatewayRefused")) break
          asked++
          const mine = inTurn(connection, () => one(connection)).finally(() => running.delete(mine))
          running.add(mine)
        }
      }
      await Promise.all(running)
      return worstOf(failures, asked, frame)
    }
  }
}

const worstOf = (failures: readonly GatewayError["reason"][], asked: number, frame: string) => {
  const first = (tag: GatewayError["reason"]["_tag"]) => failures.find(({ _tag }) => _tag === tag)
  const refused = first("GatewayRefused")
  if (refused instanceof GatewayRefused && refused.status === 413)
    return new FrameTooLarge({ sizeBytes: Buffer.byteLength(frame), limitBytes: capabilities.maxFrameBytes })
  const throttled = failures.filter((reason) => reason instanceof GatewayThrottled)
  if (refused !== undefined) return refused
  if (throttled.length * 2 > asked) return throttled[0]
  const unavailable = first("GatewayUnavailable")
  if (failures.length === 0) return undefined
  if (unavailable !== undefined && failures.length === asked) return unavailable
  return new GatewayUnavailable({ cause: new Error(`${failures.length} of ${asked} connections were not reached`) })
}
