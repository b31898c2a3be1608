/** The gateway's key is changed while people watch a run: live connections go on, and nothing is refused or lost. */
import { describe, expect, it } from "vitest"
import type { Kind } from "./stack.ts"
import { startStack, textOf, until } from "./stack.ts"

const uuid = (n: number) => `0192b5d2-0000-7000-8000-${String(n).padStart(12, "0")}`
const people = { ann: { id: "ann", tenant: "acme" } }
const authorize = () => true

describe.each<Kind>(["ws", "azure-web-pubsub"])("a change of the key of %s", (kind) => {
  const begin = async (options: { readonly secret?: string } = {}) => {
    const stack = await startStack(kind, { people, authorize, ...options })
    const ann = stack.open("ann", "t1")
    const start = async (n: number) => {
      expect(await ann.start("talk", {}, { id: uuid(n) })).toMatchObject({ ok: true })
      return stack.worker.work({ thread: "acme/t1", run: uuid(n), epoch: 1 })
    }
    const groupOf = async () => {
      const response = await stack.send("ann", "POST", "/threads/t1/grants", {})
      return ((await response.json()) as { grant: { groups: Record<string, string> } }).grant.groups["t1"]
    }
    return { ann, stack, start, groupOf }
  }

  it(
    "refuses nothing that comes over a connection of before, and what people see stays whole",
    { timeout: 90_000 },
    async () => {
      const { ann, stack, start, groupOf } = await begin()
      const first = start(1)
      await stack.say("before ")
      await until(ann, ({ connection, view }) => connection === "live" && JSON.stringify(view).includes("before"))
      const oldGroup = await groupOf()

      stack.changeKey()
      await stack.say("amid ")
      await until(ann, ({ view }) => JSON.stringify(view).includes("amid"))
      const heard = stack.upstreamStatuses.length
      expect(await ann.cancel(uuid(1), { graceMillis: 0 })).toMatchObject({ ok: true })
      // over the socket that the old backend granted, not over HTTP instead
      expect(stack.upstreamStatuses.slice(heard)).toEqual([200])
      expect(await first).toMatchObject({ type: "finished" })
      expect(stack.renewals("ann")).toBe(0)

      // the new worker's groups have other names: until Ann has a new grant, she fetches what she is not sent
      expect(await groupOf()).not.toBe(oldGroup)
      const second = start(2)
      for (let n = 0; n < 5; n++) await stack.say(`after-${n} `)
      await until(ann, ({ view }) => JSON.stringify(view).includes("after-4"), 60_000)
      await expect.poll(() => stack.renewals("ann"), { timeout: 60_000 }).toBeGreaterThan(0)
      await stack.say("at last ")
      await until(ann, ({ view }) => JSON.stringify(view).includes("at last"))
      stack.hush()
      expect(await second).toMatchObject({ type: "finished" })

      const { view } = (await (await stack.send("ann", "GET", "/threads/t1/view")).json()) as {
        view: { offset: number }
      }
      await until(ann, (thread) => thread.view.offset >= view.offset)
      expect(JSON.parse(textOf(ann))).toEqual(view)
      expect(ann.counters.resets).toBe(1)
      expect(stack.upstreamStatuses.filter((status) => status >= 300)).toEqual([])
    }
  )

  it("leaves the groups their names where the backend has a `secret`", async () => {
    const { stack, groupOf } = await begin({ secret: "names the groups, whatever the key" })
    const before = await groupOf()
    stack.changeKey()
    expect(await groupOf()).toBe(before)
  })
})
