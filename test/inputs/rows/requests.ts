/** How a bad request is sent to both backends and looked at. */
import { strict as assert } from "node:assert"
import type { Row } from "../row.ts"
import type { Sent } from "../side.ts"
import { assertTold, inWords, type Told } from "../told.ts"
import type { World } from "../world.ts"

/** One request to both backends; refused, and nothing changed. `path` is the request's, `field` the path of what is wrong. */
export const refused = (
  id: string,
  input: string,
  sent: Sent,
  status: number,
  code: string,
  field?: string,
  more: {
    readonly retryable?: boolean
    readonly says?: string
    readonly then?: (answer: Awaited<ReturnType<World["ws"]["send"]>>) => void
  } = {}
): Row => {
  const told: Told = {
    code,
    ...(field === undefined ? {} : { path: field }),
    ...(more.retryable === undefined ? {} : { retryable: more.retryable })
  }
  return {
    id,
    surface: "rest",
    input,
    answer: inWords(told, status, more.says),
    check: async ({ sides }) => {
      for (const { send } of sides) {
        const answer = await send(sent)
        assert.equal(answer.status, status, answer.text)
        assertTold(answer.body, told, typeof sent.body === "string" ? sent.body : JSON.stringify(sent.body ?? ""))
        assert.match(answer.headers.get("content-type") ?? "", /^application\/json/)
        assert.equal(answer.headers.get("x-content-type-options"), "nosniff")
        more.then?.(answer)
      }
    }
  }
}
export const messages = (body: unknown, headers?: Record<string, string>): Sent => ({
  path: "/threads/ann/messages",
  body,
  ...(headers === undefined ? {} : { headers })
})
export const runs = (body: unknown): Sent => ({ path: "/threads/ann/runs", body })
export const message = { id: "m", parts: [{ type: "text", text: "x" }] }
export const named = (thread: string): Sent => ({ path: `/threads/${thread}/messages`, body: message })
export const nested = (levels: number, open: string, close: string) => `${open.repeat(levels)}1${close.repeat(levels)}`
export const CANARY = "hunter2-".repeat(40)
