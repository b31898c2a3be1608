/**
 * One function, as a platform starts it: a process that is told a job and how long it may live, works, and is gone.
 */
import process from "node:process"
import type { Job } from "throughline/effect"
import { refundsBackend } from "./backend.ts"
import type { Settings } from "./backend.ts"

export interface ToFunction {
  readonly settings: Settings
  readonly job: Job
  /** From the moment it begins to work. */
  readonly millis: number
}
export type FromFunction = { readonly type: "working" } | { readonly type: "enqueue"; readonly job: Job }

const say = (message: FromFunction): void => void (process.connected && process.send?.(message))

process.once("message", async ({ job, millis, settings }: ToFunction) => {
  const backend = await refundsBackend(settings, (next) => say({ type: "enqueue", job: next }))
  await backend.ready()
  say({ type: "working" })
  try {
    await backend.work(job, { deadline: new Date(Date.now() + millis) })
  } finally {
    await backend.close()
    process.disconnect()
  }
})
process.once("disconnect", () => process.exit(0))
