/** Every target with every push, as many inputs as fit in four seconds each and some at least; the long run is `test/long/fuzz.test.ts`. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { fuzz, short } from "./harness.ts"
import { targets } from "./targets.ts"

// what is refused is also logged, a hundred thousand times
beforeAll(() => void vi.spyOn(console, "log").mockImplementation(() => {}))
afterAll(() => void vi.restoreAllMocks())

describe("whatever comes in, nothing breaks its promise", () => {
  it.each(targets)("$name", { timeout: 60_000 }, async (target) => {
    expect(await fuzz(target, short())).toBeGreaterThanOrEqual(target.atLeast)
  })
})
