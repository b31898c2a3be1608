/**
 * Which jobs a process's sweeper handed out lately. A run that nobody takes keeps its `due`, so that no process forgets
 * it; each process hands it out again less and less often.
 */
import { TAKE_MILLIS } from "../protocol/Limits.ts"

export interface HandedOut {
  /** Whether the job may be handed out (again) now; if so, that is remembered. */
  readonly again: (job: string, now: number) => boolean
}
const MAX_WAIT_MILLIS = 10 * 60_000
const MAX_JOBS = 10_000

export const makeHandedOut = (): HandedOut => {
  const jobs = new Map<string, { readonly next: number; readonly wait: number }>()
  return {
    again: (job, now) => {
      const before = jobs.get(job)
      if (before !== undefined && now < before.next) return false
      if (before === undefined && jobs.size >= MAX_JOBS) jobs.delete(jobs.keys().next().value!)
      const wait = Math.min(MAX_WAIT_MILLIS, before === undefined ? TAKE_MILLIS : before.wait * 2)
      jobs.set(job, { next: now + wait, wait })
      return true
    }
  }
}
