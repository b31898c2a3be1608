/**
 * What an approval costs: the digest of an ask whose input has 64 kB, as it is made where it is asked and again where the
 * tool runs.
 */
import { askDigest } from "../../../src/agent/askDigest.ts"
import type { AskOpened } from "../../../src/protocol/Event.ts"
import type { Json } from "../../../src/protocol/Json.ts"
import { atMost, percentile, table, type Part } from "../report.ts"

const BYTES = 64 * 1024
/** Inputs of 64 kB: one long text, and many small members. */
const inputs: Readonly<Record<string, Json>> = {
  "one text": { path: "notes.md", text: "The log is the truth; a gateway is a hint. ".repeat(BYTES / 43) },
  "1,000 rows of four members": Array.from({ length: 1_000 }, (_, n) => ({
    name: `customer ${n}`,
    amount: n * 1.5,
    due: n % 2 === 0,
    to: `account-${n}`
  }))
}
const asked = (input: Json): AskOpened => ({
  type: "ask.opened",
  run: "0198c0de-7a00-7000-8000-000000000010",
  ask: "0198c0de-7a00-7000-8000-000000000030",
  kind: "approval",
  prompt: "Send it?",
  name: "send",
  input,
  expiresAt: "2026-11-22T11:00:00.000Z"
})

export const digest: Part = {
  name: "digest",
  title: "Digest of an approval",
  run: async ({ quick }) => {
    const times = quick ? 500 : 5_000
    const rows = Object.entries(inputs).map(([name, input]) => {
      const ask = asked(input)
      for (let n = 0; n < 200; n++) askDigest("main/t1", ask)
      const millis = new Float64Array(times)
      for (let n = 0; n < times; n++) {
        const begun = performance.now()
        askDigest("main/t1", ask)
        millis[n] = performance.now() - begun
      }
      const sorted = millis.toSorted()
      return {
        name: `${name}, ${Math.round(JSON.stringify(input).length / 1024)} KiB`,
        p50: percentile(sorted, 0.5),
        p99: percentile(sorted, 0.99)
      }
    })
    return {
      markdown: table(
        [`${times} digests each`, "p50 ms", "p99 ms"],
        rows.map(({ name, p50, p99 }) => [name, p50, p99])
      ),
      bounds: rows.map(({ name, p99 }) => atMost(`digest of ${name}: p99 ms`, p99, 1))
    }
  }
}
