import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { describe, expect, it } from "vitest"
import { makeHold } from "../../src/agent/hold.ts"

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

/** Suspends a tree that waits in a flight which holds `kept`. */
const suspendOne = async (): Promise<WeakRef<object>> => {
  const kept = { text: "x".repeat(1_000) }
  const hold = makeHold({ holdMillis: Infinity, after: () => () => {} })
  hold.join({ asks: () => [], suspend: async () => {} })
  let answer = () => {}
  void hold.fly(async () => {
    await hold.wait(new Promise<void>((resolve) => (answer = resolve)))
    return kept.text
  })
  hold.want("test", "paused")
  await hold.suspended
  // an answer that comes after it has suspended goes nowhere
  answer()
  return new WeakRef(kept)
}

describe("a tree that has suspended", () => {
  it("is let go of: nothing in the process keeps what its functions held", async () => {
    const held = await Promise.all(Array.from({ length: 20 }, suspendOne))
    for (let n = 0; n < 5; n++) {
      await new Promise((resolve) => setImmediate(resolve))
      collect()
    }
    expect(held.filter((one) => one.deref() !== undefined)).toEqual([])
  })
})
