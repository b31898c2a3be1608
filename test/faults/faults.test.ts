/** The fault matrix: each fault that can be injected into the real stack is, and what else proves a row is there. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { testsIn } from "../inputs/proofs.ts"
import { openStacks } from "./stack.ts"
import { faultRows } from "./table.ts"

const CATALOGUE = "01 02 04 05 07 08 10 11 13 14 16 17 19 20 22 23 25 26 28 29 31 32 34".split(" ").map((n) => `F${n}`)
let stacks: Awaited<ReturnType<typeof openStacks>>
beforeAll(async () => {
  // publishes that fail are logged, as they should be
  vi.spyOn(console, "log").mockImplementation(() => {})
  stacks = await openStacks()
})
afterAll(async () => {
  await stacks.close()
  vi.restoreAllMocks()
})

describe("the fault matrix", () => {
  it("has every fault of the catalogue, and each is proven", () => {
    const known = new Set(faultRows.map(({ id }) => id))
    expect(CATALOGUE.filter((id) => !known.has(id))).toEqual([])
    expect(faultRows.filter(({ inject, proofs }) => inject === undefined && proofs.length === 0)).toEqual([])
  })

  it("refers to tests that are there", () => {
    const missing = faultRows.flatMap(({ id, proofs }) =>
      proofs.flatMap(({ file, test }) => (testsIn(file).includes(test) ? [] : [`${id}: ${file}: ${test}`]))
    )
    expect(missing).toEqual([])
  })
})

describe("in the real stack", () => {
  it.each(faultRows.filter(({ inject }) => inject !== undefined))(
    "$id $fault",
    async ({ id, inject }) => {
      const { close, stack } = await stacks.open(id)
      try {
        await inject!(stack)
      } finally {
        close()
      }
    },
    60_000
  )
})
