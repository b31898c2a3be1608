import { expect, it } from "vitest"
import { validate, version } from "uuid"
import { newId } from "../../src/client/id.ts"

it("makes valid UUIDs of version 7, each another, in the order of time", async () => {
  const ids = Array.from({ length: 10_000 }, newId)
  expect(new Set(ids).size).toBe(ids.length)
  for (const id of ids) expect(validate(id) && version(id) === 7).toBe(true)
  await new Promise((resolve) => setTimeout(resolve, 2))
  expect(newId() > ids.at(-1)!).toBe(true)
})
