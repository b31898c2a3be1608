/** What every refusal must be, whatever it refuses: of one shape, naming the field, repeating little, hiding the inside. */
import { strict as assert } from "node:assert"

export interface Told {
  readonly code: string
  /** The path of the field that breaks the rule. */
  readonly path?: string
  readonly retryable?: boolean
}
const INSIDE = /\n\s+at |node_modules|\.ts:|canary|eyJ/

/** No piece of what was sent that is longer than 64 characters, and a quotation mark, comes back. */
const assertNoEcho = (sent: string, answer: string): void => {
  for (let at = 0; at + 66 <= Math.min(sent.length, 6_000); at++) {
    const piece = sent.slice(at, at + 66)
    assert.ok(!answer.includes(piece), `the answer repeats ${JSON.stringify(piece)}`)
  }
}
/** `body` is `{ok: false, error}`; `sent` what it answers. */
export const assertTold = (body: unknown, { code, path, retryable = false }: Told, sent = ""): void => {
  const { error, ok, ...rest } = body as { ok: unknown; error: Record<string, unknown> }
  assert.deepEqual([ok, Object.keys(rest)], [false, []])
  assert.equal(error["code"], code, JSON.stringify(body))
  assert.equal(error["retryable"], retryable)
  const message = error["message"]
  assert.ok(typeof message === "string" && message !== "" && message.length < 300, "a short message")
  if (path !== undefined) {
    assert.equal(error["path"], path)
    const field = path.split(/[.[]/).at(-1)!.replace("]", "")
    assert.ok(message.includes(field), `the message names ${field}: ${message}`)
  }
  const text = JSON.stringify(body)
  assert.doesNotMatch(text, INSIDE)
  assertNoEcho(sent, text)
}
/** As the tables print it. */
export const inWords = ({ code, path }: Told, status?: number, more?: string): string =>
  [
    `${status === undefined ? "" : `${status} `}\`${code}\``,
    ...(path === undefined ? [] : [`at \`${path}\``]),
    ...(more === undefined ? [] : [more])
  ].join(more === undefined ? " " : " ")
