import { describe, expect, it } from "vitest"
import { approvalTrials } from "./approvals.ts"
import { interruptTrials } from "./interrupts.ts"

/** `npm run test:long` makes the whole number. */
const share = process.env["THROUGHLINE_LONG"] === "1" ? 1 : 0.01

describe("trials", () => {
  it("refuse every approval with one thing changed, and none that is genuine", { timeout: 600_000 }, async () => {
    expect(await approvalTrials(1_000_000 * share, 1)).toMatchObject({ accepted: 0, genuineRefused: 0 })
  })
  it("give an interrupt that comes ten times from two devices one effect and one verdict", { timeout: 600_000 }, () => {
    expect(interruptTrials(100_000 * share, 1)).toMatchObject({ breaches: 0 })
  })
})
