/** Types of `build-functions.mjs`, for the tests that are written in TypeScript. */
export interface Bundle {
  readonly inputs: readonly string[]
  readonly outside: readonly string[]
}
export declare const buildFunctions: (
  outdir?: string
) => Promise<Readonly<Record<"app" | "backend" | "blobs" | "identity", Bundle>>>
