/** `node fileWriter.ts FOLDER`: puts one blob after the other and says each number once it is acknowledged. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { fileBlobs } from "../../../adapters/blobs/files/blobs.ts"
import { BlobStore } from "../../../src/ports/BlobStore.ts"

const folder = process.argv[2] ?? ""
const built = await Effect.runPromise(Effect.scoped(Layer.build(fileBlobs({ folder }))))
const store = Context.get(built, BlobStore)
// goes on where an earlier writer was killed
let n = 1
while ((await Effect.runPromise(store.get(`t/${n}`))) !== undefined) n++
for (; ; n++) {
  await Effect.runPromise(store.put(`t/${n}`, new Uint8Array(10_000 + n).fill(n), "application/octet-stream"))
  process.stdout.write(`${n}\n`)
}
