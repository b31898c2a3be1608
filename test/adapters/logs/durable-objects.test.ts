/** The log in Durable Objects. Conformance runs where the log runs: in a Worker, over its bindings. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { logCases } from "../../../src/conformance/logCases.ts"
import { startObjects, type ObjectsOfLog } from "./durable-objects.ts"

let objects: ObjectsOfLog
beforeAll(async () => void (objects = await startObjects()))
afterAll(() => objects.close())

describe("the Durable Objects log, in a Worker", () => {
  for (const [index, { name }] of logCases().entries()) {
    it(name, async () => {
      const response = await fetch(new URL(`/?case=${index}`, objects.url))
      expect(await response.text()).toBe("holds")
    })
  }
})
