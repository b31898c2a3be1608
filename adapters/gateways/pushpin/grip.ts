/** The vendor's package, loaded at its first use. What is missing is said with the command that brings it. */
import type * as Package from "@fanoutio/grip"

export type Grip = typeof Package

let loading: Promise<Grip> | undefined

/** Rejects with an `Error` that names the package, and tries again at the next call. */
export const loadGrip = (): Promise<Grip> =>
  (loading ??= import("@fanoutio/grip").catch(() => {
    loading = undefined
    throw new Error("the package @fanoutio/grip is missing; run: npm install @fanoutio/grip@4")
  }))
