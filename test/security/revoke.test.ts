/** Access taken back while people watch a run that another process works on, on both gateways. */
import { describe, expect, it } from "vitest"
import { azureWebPubSubClient } from "throughline/adapters/gateways/azure-web-pubsub/client"
import { wsClient } from "throughline/adapters/gateways/ws/client"
import type { Kind } from "./stack.ts"
import { startStack, textOf, until } from "./stack.ts"

const uuid = (n: number) => `0192b5d2-0000-7000-8000-${String(n).padStart(12, "0")}`
const people = { ann: { id: "ann", tenant: "acme" }, bob: { id: "bob", tenant: "acme" } }

it("a grant that was under way when access was taken back gives nothing", { timeout: 60_000 }, async () => {
  let asked = 0
  const stack = await startStack("ws", { people, authorize: ({ id }) => id !== "bob" || ++asked === 1 })
  await stack.send("ann", "POST", "/threads/t1/messages", { id: uuid(1), parts: [{ type: "text", text: "hello" }] })
  expect(await stack.server.revoke({ id: "bob", tenant: "acme" }, "t1")).toMatchObject({ ok: true })
  asked = 0
  const answer = await stack.send("bob", "POST", "/threads/t1/grants", {})
  expect([answer.status, asked]).toEqual([404, 2])
})

describe.each<Kind>(["ws", "azure-web-pubsub"])("revoke on %s", (kind) => {
  it(
    "the revoked one sees nothing more and cannot replay; the other's view goes on whole",
    { timeout: 60_000 },
    async () => {
      let bobMay = true
      const stack = await startStack(kind, { people, authorize: ({ id }) => id !== "bob" || bobMay })
      await stack.send("ann", "POST", "/threads/t1/runs", { id: uuid(1), agent: "talk", input: {} })
      const working = stack.worker.work({ thread: "acme/t1", run: uuid(1), epoch: 1 })
      const ann = stack.open("ann", "t1")
      const bob = stack.open("bob", "t1")
      await stack.say("before ")
      for (const thread of [ann, bob])
        await until(thread, ({ connection, view }) => connection === "live" && JSON.stringify(view).includes("before"))
      // oxlint-disable-next-line typescript/no-explicit-any -- a grant or a fault
      const grant = async (who: string): Promise<any> =>
        (await stack.send(who, "POST", "/threads/t1/grants", {})).json()
      const oldGrant = (await grant("bob")).grant
      // what the old grant still brings, watched from outside of the client's own caution
      const heard: string[] = []
      const client = kind === "ws" ? wsClient() : azureWebPubSubClient()

      bobMay = false
      const revoked = await stack.server.revoke({ id: "bob", tenant: "acme" }, "t1")
      expect(revoked).toMatchObject({ ok: true })
      // connects again with the grant of before, which is not over
      const late = await new Promise<ReturnType<typeof client.connect>>((resolve) => {
        const connection = client.connect(oldGrant, {
          onOpen: () => resolve(connection),
          onAlive: () => {},
          onFrame: (text) => heard.push(text),
          onInterrupted: () => {},
          onClosed: () => {}
        })
      })
      for (let n = 0; n < 5; n++) await stack.say(`canary-${n} `)
      await until(ann, ({ view }) => JSON.stringify(view).includes("canary-4"), 50_000)
      // Ann is granted the new group by herself; from then on frames bring her what is said
      await expect.poll(() => stack.renewals("ann"), { timeout: 50_000 }).toBeGreaterThan(0)
      await stack.say("canary-after ")
      await until(ann, ({ view }) => JSON.stringify(view).includes("canary-after"))

      expect(heard.join()).not.toContain("canary")
      expect(textOf(bob)).not.toContain("canary")
      for (const path of ["entries?after=0", "view"]) {
        const answer = await stack.send("bob", "GET", `/threads/t1/${path}`)
        expect([answer.status, (await answer.text()).includes("canary")]).toEqual([404, false])
      }
      expect(await grant("bob")).toMatchObject({ ok: false, error: { code: "NOT_FOUND" } })
      expect((await grant("ann")).grant.groups.t1).not.toBe(oldGrant.groups.t1)
      // whole: what Ann has is the fold of the log
      const { view } = (await (await stack.send("ann", "GET", "/threads/t1/view")).json()) as {
        view: { offset: number }
      }
      await until(ann, (thread) => thread.view.offset >= view.offset)
      expect(JSON.parse(textOf(ann))).toEqual(view)
      expect(ann.counters.resets).toBe(1)
      // the entry says that access changed, and of whom it does not speak
      const page = (await (await stack.send("ann", "GET", "/threads/t1/entries?after=0")).json()) as {
        entries: { offset: number; events: unknown[] }[]
      }
      expect(page.entries.find(({ offset }) => revoked.ok && offset === revoked.offset)?.events).toEqual([
        { type: "custom", name: ".grants", value: null, transient: true }
      ])
      late.close()
      stack.hush()
      expect(await working).toMatchObject({ type: "finished" })
    }
  )
})
