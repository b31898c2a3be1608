import { describe, expect, it } from "vitest"
import { makeGroups } from "../../src/writer/Groups.ts"

describe("group names", () => {
  const { inbox, watch } = makeGroups("a secret of the test's own")

  it("change with tenant, thread and generation, and hold none of them", () => {
    const names = [watch("acme/t", 1), watch("acme/t", 2), watch("other/t", 1), watch("acme/u", 1), inbox("acme/t")]
    expect(new Set(names).size).toBe(names.length)
    expect(watch("acme/t", 1)).toBe(names[0])
    for (const name of names) expect(name).toMatch(/^[ti]-[\w-]{43}$/)
  })

  it("cannot be computed without the secret", () => {
    expect(makeGroups("another secret of the test").watch("acme/t", 1)).not.toBe(watch("acme/t", 1))
  })
})
