/** Runs the conformance cases of blob stores under vitest: one test per case. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { beforeAll, expect, it } from "vitest"
import { blobCases, type BlobEnv } from "../../../src/conformance/blobCases.ts"
import { BlobStore, type BlobErrorReason, type BlobStoreService } from "../../../src/ports/BlobStore.ts"
import type { BlobError } from "../../../src/ports/BlobStore.ts"

export const openBlobs = (layer: Layer.Layer<BlobStore>): Promise<BlobStoreService> =>
  Effect.runPromise(
    Effect.scoped(Effect.map(Layer.build(Layer.fresh(layer)), (built) => Context.get(built, BlobStore)))
  )
export const reasonOf = async (effect: Effect.Effect<unknown, BlobError>): Promise<BlobErrorReason> =>
  (await Effect.runPromise(Effect.flip(effect))).reason

/** `damage` changes a byte of the blob behind the store's back. */
export const conforms = (open: () => Layer.Layer<BlobStore>, damage?: BlobEnv["damage"]): void => {
  let store: BlobStoreService
  let second: BlobStoreService
  beforeAll(async () => {
    const layer = open()
    store = await openBlobs(layer)
    second = await openBlobs(layer)
  })
  for (const { name, run } of blobCases()) {
    it(name, () => Effect.runPromise(run(store, { second, ...(damage === undefined ? {} : { damage }) })))
  }
  it("says what an acknowledged put survives", () => {
    expect(store.durability.sigkill).toMatch(/\.$/)
    expect(store.durability.powerCut).toMatch(/\.$/)
  })
}
