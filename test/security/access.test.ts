/** Every person × every thread × every route, over HTTP and sockets, in three tenants; canaries are searched in all that is answered. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { createBackend, defineAgent, type Action, type BackendHandle, type Principal } from "throughline"
import { wsGateway } from "throughline/adapters/gateways/ws"
import { memoryLog } from "throughline/adapters/logs/memory"
import { memoryQueue } from "throughline/adapters/queues/memory"
import * as z from "zod"
import { deriveSecrets } from "../../src/gateway/secrets.ts"
import { signCall } from "../../src/gateway/signedCall.ts"

const KEY = "a key of the tests, thirty-two characters long"
const TENANTS = ["red", "green", "blue"] as const
const ROLES = ["owner", "reader", "stranger"] as const
const RIGHTS: Readonly<Record<(typeof ROLES)[number], readonly Action[]>> = {
  owner: ["read", "start", "interrupt", "answer", "post"],
  reader: ["read"],
  stranger: []
}
const people: Readonly<Record<string, Principal>> = Object.fromEntries(
  TENANTS.flatMap((tenant) =>
    // the same ids in each tenant: an id alone says nothing
    ROLES.map((role) => [`${tenant}-${role}`, { id: role, tenant, claims: { canary: `canary-claim-${tenant}` } }])
  )
)
/** Each tenant has `shared`, with words of its own, and one thread that the others have not. */
const threads = ["shared", ...TENANTS.map((tenant) => `only-${tenant}`), "never"]
const exists = (tenant: string, thread: string) => thread === "shared" || thread === `only-${tenant}`
const canary = (tenant: string, thread: string) => `canary-${tenant}-${thread}`
const uuid = (n: number) => `0192b5d2-0000-7000-8000-${String(n).padStart(12, "0")}`

const asked: string[] = []
let backend: BackendHandle
let ids = 1_000
beforeAll(async () => {
  const idle = defineAgent({ name: "idle", input: z.object({}), onBusy: "parallel", run: async () => {} })
  backend = createBackend({
    agents: [idle],
    log: memoryLog(),
    queue: memoryQueue(),
    gateway: wsGateway({ url: "http://127.0.0.1:9", key: KEY }),
    limits: false,
    authenticate: (request) => people[request.headers.get("authorization") ?? ""] ?? null,
    authorize: ({ id, tenant }, action, thread) => {
      asked.push(`${tenant} ${id} ${action} ${thread}`)
      // an owner's rights end where the application knows no thread
      return exists(tenant!, thread) && RIGHTS[id as (typeof ROLES)[number]].includes(action)
    }
  })
  for (const tenant of TENANTS)
    for (const thread of threads.filter((name) => exists(tenant, name))) {
      const post = await call(`${tenant}-owner`, "POST", `/threads/${thread}/messages`, {
        id: uuid(ids++),
        parts: [{ type: "text", text: canary(tenant, thread) }]
      })
      const start = await call(`${tenant}-owner`, "POST", `/threads/${thread}/runs`, {
        id: uuid(1),
        agent: "idle",
        tags: { word: canary(tenant, thread) },
        input: {}
      })
      expect([post.status, start.status]).toEqual([200, 200])
    }
})
afterAll(() => backend.close())

const call = async (who: string, method: string, path: string, body?: unknown) => {
  const response = await backend.fetch(
    new Request(`http://backend${path}`, {
      method,
      headers: { authorization: who, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
  )
  const headers = [...response.headers].filter(([name]) => name !== "date")
  return { status: response.status, text: await response.text(), headers: JSON.stringify(headers) }
}
const secrets = deriveSecrets("ws", KEY)
/** As the gateway hands on what a connected person sends. */
const socket = async (who: string, thread: string, interrupt: object) => {
  const time = new Date().toISOString()
  const body = JSON.stringify({
    type: "event",
    connection: "c1",
    principal: people[who],
    name: "interrupt",
    data: { thread, interrupt }
  })
  const response = await backend.fetch(
    new Request("http://backend/upstream/ws", {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "throughline-time": time,
        "throughline-signature": signCall(secrets, time, body)
      },
      body
    })
  )
  return { status: response.status, text: await response.text(), headers: "" }
}

interface Verb {
  readonly name: string
  readonly action: Action
  readonly send: (who: string, thread: string) => ReturnType<typeof call>
}
const cancel = () => ({ kind: "cancel", id: uuid(ids++), run: uuid(1) })
const answer = () => ({ kind: "answer", id: uuid(ids++), run: uuid(1), ask: "a1", answer: { type: "denied" } })
const VERBS: readonly Verb[] = [
  { name: "grants", action: "read", send: (who, thread) => call(who, "POST", `/threads/${thread}/grants`, {}) },
  { name: "entries", action: "read", send: (who, thread) => call(who, "GET", `/threads/${thread}/entries?after=0`) },
  { name: "view", action: "read", send: (who, thread) => call(who, "GET", `/threads/${thread}/view`) },
  {
    name: "messages",
    action: "post",
    send: (who, thread) =>
      call(who, "POST", `/threads/${thread}/messages`, { id: uuid(ids++), parts: [{ type: "text", text: "hello" }] })
  },
  {
    name: "runs",
    action: "start",
    send: (who, thread) => call(who, "POST", `/threads/${thread}/runs`, { id: uuid(ids++), agent: "idle", input: {} })
  },
  {
    name: "cancel",
    action: "interrupt",
    send: (who, thread) => call(who, "POST", `/threads/${thread}/interrupts`, cancel())
  },
  {
    name: "answer",
    action: "answer",
    send: (who, thread) => call(who, "POST", `/threads/${thread}/interrupts`, answer())
  },
  { name: "cancel by socket", action: "interrupt", send: (who, thread) => socket(who, thread, cancel()) },
  { name: "answer by socket", action: "answer", send: (who, thread) => socket(who, thread, answer()) }
]
const codeOf = (text: string) => (JSON.parse(text) as { error?: { code: string } }).error?.code

describe("every person, thread and verb", () => {
  it.each(VERBS)(
    "$name: is asked for each time, allowed exactly where it is a right, and shows nothing of others",
    async (verb) => {
      for (const who of Object.keys(people))
        for (const thread of threads) {
          const { id, tenant } = people[who]!
          const before = asked.length
          const { headers, status, text } = await verb.send(who, thread)
          const told = `${who} ${verb.name} ${thread}: ${status} ${text}`
          expect(asked.slice(before), told).toContain(`${tenant} ${id} ${verb.action} ${thread}`)
          const rights = exists(tenant!, thread) ? RIGHTS[id as (typeof ROLES)[number]] : []
          const code = codeOf(text)
          if (rights.includes(verb.action)) expect(["NOT_FOUND", "FORBIDDEN"], told).not.toContain(code)
          else expect(code, told).toBe(rights.includes("read") ? "FORBIDDEN" : "NOT_FOUND")
          // no word of another tenant, of another thread, or of anybody's claims
          for (const other of TENANTS)
            for (const name of threads)
              if (other !== tenant || name !== thread || !rights.includes("read"))
                expect(text + headers, told).not.toContain(canary(other, name))
          expect(text + headers, told).not.toContain("canary-claim")
        }
    }
  )

  it.each(VERBS)(
    "$name: a thread that is not there and one that is not theirs are told in the same bytes",
    async (verb) => {
      for (const tenant of TENANTS) {
        const stranger = `${tenant}-stranger`
        const answers = await Promise.all(
          [...threads, "never-2"].map(async (thread) => {
            const { headers, status, text } = await verb.send(stranger, thread)
            return `${status} ${text} ${headers}`
          })
        )
        expect(new Set(answers).size).toBe(1)
      }
    }
  )

  it("a grant names groups for threads that may be read, and different ones in each tenant", async () => {
    const groups = new Set<string>()
    for (const who of Object.keys(people)) {
      const { text } = await call(who, "POST", `/threads/shared/grants`, { threads })
      const granted = (JSON.parse(text) as { grant?: { groups: Record<string, string> } }).grant?.groups ?? {}
      const { id, tenant } = people[who]!
      const readable = threads.filter((name) => exists(tenant!, name))
      expect(Object.keys(granted).sort()).toEqual(id === "stranger" ? [] : readable.sort())
      for (const group of Object.values(granted)) groups.add(group)
    }
    expect(groups.size).toBe(6)
    for (const group of groups) expect(group).toMatch(/^t-[A-Za-z0-9_-]{43}$/)
  })

  it("nobody without a name gets further than 401, whatever the route", async () => {
    for (const who of ["", "Bearer x", "red-owner2"])
      for (const verb of VERBS.filter(({ name }) => !name.includes("socket"))) {
        const before = asked.length
        expect((await verb.send(who, "shared")).status).toBe(401)
        expect(asked.length).toBe(before)
      }
  })
})
