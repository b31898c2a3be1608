import { expect, it } from "vitest"
import * as z from "zod"
import { check } from "../../src/agent/standardSchema.ts"

it("the path of an input that does not fit is told, of a long one its beginning", async () => {
  const schema = z.record(z.string(), z.object({ n: z.number() }))
  expect(await check(schema, { a: { n: "" } }, "BAD_INPUT")).toMatchObject({ fault: { path: "a.n" } })
  const key = "k".repeat(60_000)
  expect(await check(schema, { [key]: { n: "" } }, "BAD_INPUT")).toMatchObject({ fault: { path: key.slice(0, 256) } })
})
