/** What bad requests get. The rows are the floor of docs/bad-input.md. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { startApp, type App } from "./app.ts"

let app: App
beforeAll(async () => {
  app = await startApp()
})
afterAll(() => app.close())

const message = { id: "m", parts: [{ type: "text", text: "x" }] }
const interrupt = { kind: "cancel", id: "i", run: "r" }
interface Row {
  readonly what: string
  readonly method?: string
  readonly path: string
  readonly body?: unknown
  readonly headers?: Record<string, string>
  readonly status: number
  readonly code: string
  readonly fieldPath?: string
}
const deep = `${"[".repeat(70)}${"]".repeat(70)}`
const rows: readonly Row[] = [
  {
    what: "an empty body",
    path: "/threads/ann/messages",
    body: "",
    headers: { "content-type": "application/json" },
    status: 400,
    code: "BAD_JSON"
  },
  { what: "truncated JSON", path: "/threads/ann/messages", body: "{", status: 400, code: "BAD_JSON" },
  { what: "JSON that is no object", path: "/threads/ann/messages", body: "[]", status: 400, code: "BAD_SHAPE" },
  { what: "null", path: "/threads/ann/messages", body: "null", status: 400, code: "BAD_SHAPE" },
  {
    what: "a missing field",
    path: "/threads/ann/messages",
    body: { id: "m" },
    status: 400,
    code: "BAD_SHAPE",
    fieldPath: "parts"
  },
  {
    what: "a field of the wrong type",
    path: "/threads/ann/messages",
    body: { id: "m", parts: "x" },
    status: 400,
    code: "BAD_SHAPE",
    fieldPath: "parts"
  },
  {
    what: "a repeated key",
    path: "/threads/ann/messages",
    body: '{"id":"a","id":"b","parts":[]}',
    status: 400,
    code: "BAD_SHAPE"
  },
  {
    what: "a prototype key",
    path: "/threads/ann/runs",
    body: '{"id":"r","agent":"echo","input":{"__proto__":{"admin":true}}}',
    status: 400,
    code: "FORBIDDEN_KEY"
  },
  {
    what: "deep nesting",
    path: "/threads/ann/runs",
    body: `{"id":"r","agent":"echo","input":${deep}}`,
    status: 400,
    code: "TOO_DEEP"
  },
  {
    what: "too many members",
    path: "/threads/ann/runs",
    body: `{"id":"r","agent":"echo","input":[${"1,".repeat(10_001)}1]}`,
    status: 400,
    code: "TOO_MANY"
  },
  {
    what: "a body over 64 KiB",
    path: "/threads/ann/messages",
    body: { id: "m", parts: [{ type: "text", text: "x".repeat(65_536) }] },
    status: 413,
    code: "TOO_LARGE"
  },
  {
    what: "a form post",
    path: "/threads/ann/messages",
    body: "id=m",
    headers: { "content-type": "text/plain" },
    status: 415,
    code: "UNSUPPORTED_MEDIA_TYPE"
  },
  {
    what: "an id with a control character",
    path: "/threads/ann/messages",
    body: { ...message, id: "a\u0000b" },
    status: 400,
    code: "BAD_ID"
  },
  {
    what: "an id of 129 characters",
    path: "/threads/ann/messages",
    body: { ...message, id: "x".repeat(129) },
    status: 400,
    code: "BAD_ID"
  },
  {
    what: "an unknown kind of interrupt",
    path: "/threads/ann/interrupts",
    body: { ...interrupt, kind: "destroy" },
    status: 400,
    code: "UNKNOWN_TYPE"
  },
  {
    what: "an interrupt of an unknown run",
    path: "/threads/ann/interrupts",
    body: interrupt,
    status: 404,
    code: "NOT_FOUND"
  },
  { what: "a thread name with a slash", path: "/threads/a%2Fb/messages", body: message, status: 400, code: "BAD_ID" },
  {
    what: "a thread name that climbs",
    path: "/threads/%2e%2e/messages",
    body: message,
    status: 404,
    code: "NOT_FOUND"
  },
  { what: "a thread name with NUL", path: "/threads/a%00b/messages", body: message, status: 400, code: "BAD_ID" },
  {
    what: "a thread name of 300 characters",
    path: `/threads/${"x".repeat(300)}/messages`,
    body: message,
    status: 400,
    code: "BAD_ID"
  },
  {
    what: "a thread name that is not encoded well",
    path: "/threads/%E0%A4%A/messages",
    body: message,
    status: 400,
    code: "BAD_ID"
  },
  ...["-1", "abc", "1.5", "9e99", "٣", "%205", "%2B5", "0x5", ""].map((after): Row => ({
    what: `after=${after}`,
    method: "GET",
    path: `/threads/ann/entries?after=${after}`,
    status: 400,
    code: "BAD_NUMBER",
    fieldPath: "after"
  })),
  {
    what: "limit=0",
    method: "GET",
    path: "/threads/ann/entries?after=0&limit=0",
    status: 400,
    code: "BAD_NUMBER",
    fieldPath: "limit"
  },
  {
    what: "a method the route is not for",
    method: "DELETE",
    path: "/threads/ann/messages",
    status: 405,
    code: "METHOD_NOT_ALLOWED"
  },
  { what: "an unknown route", method: "GET", path: "/threads/ann/secrets", status: 404, code: "NOT_FOUND" },
  {
    what: "an unknown agent",
    path: "/threads/ann/runs",
    body: { id: "r", agent: "nobody" },
    status: 404,
    code: "NOT_FOUND",
    fieldPath: "agent"
  },
  {
    what: "an origin that is not listed",
    path: "/threads/ann/messages",
    body: message,
    headers: { origin: "https://evil.example" },
    status: 403,
    code: "ORIGIN_REFUSED"
  },
  {
    what: "an origin that is no URL",
    path: "/threads/ann/messages",
    body: message,
    headers: { origin: "null" },
    status: 403,
    code: "ORIGIN_REFUSED"
  },
  {
    what: "too many threads for one grant",
    path: "/threads/ann/grants",
    body: { threads: Array.from({ length: 101 }, (_, n) => `ann-${n}`) },
    status: 400,
    code: "TOO_MANY"
  }
]

describe("bad requests", () => {
  it.each(rows)(
    "$what is answered $code",
    async ({ body, code, fieldPath, headers, method = "POST", path, status }) => {
      const answer = await app.send("ann", method, path, body, headers)
      expect(answer.body).toMatchObject({ ok: false, error: { code, message: expect.any(String), retryable: false } })
      expect(answer.status).toBe(status)
      if (fieldPath !== undefined) expect(answer.body.error.path).toBe(fieldPath)
      expect(answer.text).not.toMatch(/\n\s+at |node_modules|\.ts:/)
      expect(({} as { admin?: boolean }).admin).toBeUndefined()
    }
  )

  it("none of them appended anything", async () => {
    const { body } = await app.send("ann", "GET", "/threads/ann/entries?after=0")
    expect(body.head.offset).toBe(0)
  })
})

describe("access", () => {
  const reads = ["/entries?after=0", "/view"]
  const writes = ["/messages", "/runs", "/interrupts"]

  it("nobody unknown gets in", async () => {
    for (const path of [
      ...reads.map((read) => ["GET", read]),
      ...[...writes, "/grants"].map((write) => ["POST", write])
    ]) {
      const [method, route] = path as [string, string]
      const answer = await app.send(undefined, method, `/threads/ann${route}`, method === "POST" ? {} : undefined)
      expect([answer.status, answer.body.error.code]).toEqual([401, "UNAUTHENTICATED"])
    }
  })

  it("forbidden and unknown threads are told alike", async () => {
    await app.send("ann", "POST", "/threads/ann-private/messages", {
      id: "canary",
      parts: [{ type: "text", text: "CANARY" }]
    })
    for (const read of reads) {
      const forbidden = await app.send("bob", "GET", `/threads/ann-private${read}`)
      const unknown = await app.send("bob", "GET", `/threads/no-such-thread${read}`)
      expect(forbidden.status).toBe(404)
      expect(forbidden.text).toBe(unknown.text)
    }
  })

  it("who may read but not act is told that it is forbidden", async () => {
    const answer = await app.send("bob", "POST", "/threads/shared-x/messages", message)
    expect([answer.status, answer.body.error.code]).toEqual([403, "FORBIDDEN"])
  })

  it("a tenant never sees another's thread of the same name", async () => {
    await app.send("ann", "POST", "/threads/shared-name/messages", {
      id: "c",
      parts: [{ type: "text", text: "CANARY" }]
    })
    for (const read of reads) {
      const answer = await app.send("eve", "GET", `/threads/shared-name${read}`)
      expect(answer.status).toBe(200)
      expect(answer.text).not.toContain("CANARY")
    }
  })

  it("a listed origin may call, and its preflight is answered", async () => {
    const headers = { origin: "https://app.example.com" }
    const preflight = await app.send(undefined, "OPTIONS", "/threads/ann/messages", undefined, headers)
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get("access-control-allow-origin")).toBe("https://app.example.com")
    expect(preflight.headers.get("access-control-allow-credentials")).toBeNull()
    const answer = await app.send("ann", "GET", "/threads/ann-1/view", undefined, headers)
    expect(answer.headers.get("access-control-allow-origin")).toBe("https://app.example.com")
  })

  it("an unsigned webhook is refused, and another gateway's route does not exist", async () => {
    const unsigned = await app.send(undefined, "POST", "/upstream/ws", { event: "interrupt" })
    expect(unsigned.status).toBe(401)
    const other = await app.send(undefined, "POST", "/upstream/azure-web-pubsub", {})
    expect(other.status).toBe(404)
  })
})
