import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { expect, it, onTestFinished } from "vitest"
import { testAgent } from "throughline/testing"
import { createRefunds } from "../../examples/2-long-job/refunds.ts"

const main = fileURLToPath(new URL("../../examples/2-long-job/main.ts", import.meta.url))

it("the long job goes on over functions that end, break, pause and wait, and refunds each order once", async () => {
  const child = spawn(process.execPath, ["--conditions=throughline-source", main], {
    stdio: ["ignore", "pipe", "pipe"]
  })
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve))
  onTestFinished(async () => {
    if (child.exitCode === null) child.kill("SIGTERM")
    await ended
  })
  let out = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text))
  child.stderr.setEncoding("utf8").on("data", (text: string) => (out += text))
  expect(await ended, out).toBe(0)
  const lines = out.split("\n").map((line) => line.replace(/^ *[\d.]+ s {2}/, ""))
  const inOrder = [
    "you pause it",
    "the run suspends (paused); no function runs",
    "you resume it",
    "its function is killed; its lease of 30 s runs out",
    "it asks: Some cards have expired. What do these customers get?",
    "the run suspends (asked); no function runs",
    "you answer: a voucher",
    "the run ends: completed"
  ]
  expect(lines.filter((line) => inOrder.includes(line))).toEqual(inOrder)
  const epochs = lines.flatMap((line) => /takes the run: epoch (\d+)/.exec(line)?.[1] ?? [])
  expect(epochs).toEqual(epochs.map((_, at) => String(at + 1)))
  expect(epochs.length).toBeGreaterThanOrEqual(4)
  // five customers had expired cards before anybody was asked
  expect(out).toMatch(/made 85 refunds/)
}, 240_000)

it("the long job leaves out customers with expired cards where nobody wants vouchers for them", async () => {
  const calls: string[] = []
  const refunds = createRefunds({
    refund: async (key) => {
      calls.push(key)
      return { receipt: key }
    },
    totals: async () => ({ refunds: calls.length, calls: calls.length })
  })
  const { outcome } = await testAgent(refunds, {
    input: { orders: 18 },
    interruptAt: (event) =>
      event.type === "ask.opened"
        ? ({
            kind: "answer",
            ask: event.ask,
            answer: { type: "answered", value: "leave" },
            digest: event.digest
          } as never)
        : undefined
  })
  expect(outcome).toEqual({ type: "completed", result: { orders: 18, refunded: 16 } })
  expect(new Set(calls).size).toBe(16)
})
