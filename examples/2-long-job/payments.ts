/**
 * A payment service as one would find it outside: slow, and idempotent by the key that the caller sends.
 *
 * It keeps one file per key, so it outlives every process here, and counts the calls that came to it.
 */
import { appendFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"

type Refund = { readonly order: number; readonly amount: number; readonly as: string }
export interface Payments {
  readonly refund: (key: string, refund: Refund) => Promise<{ readonly receipt: string }>
  /** Refunds that took effect, and calls that asked for them. */
  readonly totals: () => Promise<{ readonly refunds: number; readonly calls: number }>
}
const SLOW_MILLIS = 40

export const openPayments = async (folder: string): Promise<Payments> => {
  const [books, calls] = [join(folder, "refunds"), join(folder, "calls.log")]
  await mkdir(books, { recursive: true })
  return {
    refund: async (key, refund) => {
      await appendFile(calls, `${key}\n`)
      await new Promise((done) => setTimeout(done, SLOW_MILLIS))
      const receipt = key.replaceAll(/[^\w-]/g, "_")
      await writeFile(join(books, receipt), JSON.stringify(refund), { flag: "wx" }).catch((error: unknown) => {
        // it was done before
        if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error
      })
      return { receipt }
    },
    totals: async () => ({
      refunds: (await readdir(books)).length,
      calls: (await readFile(calls, "utf8").catch(() => "")).split("\n").length - 1
    })
  }
}
