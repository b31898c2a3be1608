/**
 * The long run of every fuzz target: `THROUGHLINE_FUZZ_INPUTS` inputs each, or eight seconds each where that is not set.
 * `THROUGHLINE_FUZZ_SEED` is another seed than the one that every push uses.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { fuzz, long } from "../fuzz/harness.ts"
import { targets } from "../fuzz/targets.ts"

beforeAll(() => void vi.spyOn(console, "log").mockImplementation(() => {}))
afterAll(() => void vi.restoreAllMocks())

describe("whatever comes in for a long time, nothing breaks its promise", () => {
  it.each(targets)("$name", { timeout: 24 * 3_600_000 }, async (target) => {
    expect(await fuzz(target, long())).toBeGreaterThan(0)
  })
})
