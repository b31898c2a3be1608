import { describe } from "vitest"
import { memoryBlobs, type MemoryBlobs } from "../../../adapters/blobs/memory/blobs.ts"
import { conforms } from "./conform.ts"

describe("the memory blob store", () => {
  const store: MemoryBlobs = new Map()
  conforms(() => memoryBlobs({ store, maxBytes: 1_000_000 }))
})
