/** Readers that stop reading, as tests with the numbers of the quick and of the long stage. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { bundle, type Programs } from "./programs.ts"
import { stopReading } from "./readers.ts"

const MOST_BYTES = 32 * 1024 * 1024

export const readersTests = (numbers: { readonly readers: number; readonly seconds: number }): void => {
  let programs: Programs
  beforeAll(async () => void (programs = await bundle({ periods: "real" })))
  afterAll(() => programs?.remove())

  describe(`${numbers.readers} readers that stop reading while events flow`, () => {
    for (const gateway of ["azure-web-pubsub", "ws"] as const) {
      it(
        `cost ${gateway === "ws" ? "the plain gateway" : "the emulator"} at most 32 MiB, and hold up nobody`,
        { timeout: 300_000 },
        async () => {
          const report = await stopReading(programs, { gateway, ...numbers })
          console.log(JSON.stringify({ gateway, ...numbers, ...report }))
          expect(report.keptBytes).toBeLessThanOrEqual(MOST_BYTES)
          expect(report.read).toBe(report.published)
        }
      )
    }
  })
}
