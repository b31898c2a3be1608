import { describe } from "vitest"
import { memoryLog, memoryStore } from "../../../adapters/logs/memory/log.ts"
import { conforms } from "./conform.ts"

describe("the memory log", () => {
  const store = memoryStore()
  conforms(async () => memoryLog({ store }))
})
