/** Requests: bodies, names, numbers, methods, origins, and what a client does to HTTP itself. */
import { strict as assert } from "node:assert"
import { proof, type Row } from "../row.ts"
import { assertTold, inWords, type Told } from "../told.ts"
import type { Sent } from "../side.ts"
import type { World } from "../world.ts"

/** One request to both backends; refused, and nothing changed. `path` is the request's, `field` the path of what is wrong. */
const refused = (
  id: string,
  input: string,
  sent: Sent,
  status: number,
  code: string,
  field?: string,
  more: {
    readonly retryable?: boolean
    readonly says?: string
    readonly then?: (answer: Awaited<ReturnType<World["ws"]["send"]>>) => void
  } = {}
): Row => {
  const told: Told = {
    code,
    ...(field === undefined ? {} : { path: field }),
    ...(more.retryable === undefined ? {} : { retryable: more.retryable })
  }
  return {
    id,
    surface: "rest",
    input,
    answer: inWords(told, status, more.says),
    check: async ({ sides }) => {
      for (const { send } of sides) {
        const answer = await send(sent)
        assert.equal(answer.status, status, answer.text)
        assertTold(answer.body, told, typeof sent.body === "string" ? sent.body : JSON.stringify(sent.body ?? ""))
        assert.match(answer.headers.get("content-type") ?? "", /^application\/json/)
        assert.equal(answer.headers.get("x-content-type-options"), "nosniff")
        more.then?.(answer)
      }
    }
  }
}
const messages = (body: unknown, headers?: Record<string, string>): Sent => ({
  path: "/threads/ann/messages",
  body,
  ...(headers === undefined ? {} : { headers })
})
const runs = (body: unknown): Sent => ({ path: "/threads/ann/runs", body })
const message = { id: "m", parts: [{ type: "text", text: "x" }] }
const named = (thread: string): Sent => ({ path: `/threads/${thread}/messages`, body: message })
const nested = (levels: number, open: string, close: string) => `${open.repeat(levels)}1${close.repeat(levels)}`
const CANARY = "hunter2-".repeat(40)

const bodies: readonly Row[] = [
  refused(
    "B01",
    "an empty body",
    { ...messages(""), headers: { "content-type": "application/json" } },
    400,
    "BAD_JSON"
  ),
  refused("B02", "truncated JSON: `{`", messages("{"), 400, "BAD_JSON"),
  ...(["[]", '"x"', "null", "1", "true"] as const).map((text) =>
    refused("B04", `JSON that is no object: \`${text}\``, messages(text), 400, "BAD_SHAPE")
  ),
  refused("B05", "a missing field", messages({ id: "m" }), 400, "BAD_SHAPE", "parts"),
  refused("B07", "a field of another JSON type", messages({ id: "m", parts: "x" }), 400, "BAD_SHAPE", "parts"),
  refused(
    "B07",
    "a wrong field deep inside",
    messages({ id: "m", parts: [{ type: "text", text: 7 }] }),
    400,
    "BAD_SHAPE",
    "parts[0].text"
  ),
  refused(
    "B08",
    "a key `__proto__`",
    runs('{"id":"r","agent":"echo","input":{"__proto__":{"admin":true}}}'),
    400,
    "FORBIDDEN_KEY",
    "input.__proto__"
  ),
  refused(
    "B08",
    "a key `__proto__`, escaped",
    runs('{"id":"r","agent":"echo","input":{"\\u005f_proto__":{"admin":true}}}'),
    400,
    "FORBIDDEN_KEY",
    "input.__proto__"
  ),
  refused(
    "B08",
    "`constructor.prototype`",
    runs('{"id":"r","agent":"echo","input":{"constructor":{"prototype":{"admin":true}}}}'),
    400,
    "FORBIDDEN_KEY",
    "input.constructor"
  ),
  refused("B10", "a key twice", messages('{"id":"a","id":"b","parts":[]}'), 400, "BAD_SHAPE", undefined, {
    says: "for a duplicate key"
  }),
  refused("B10", "a key twice, once escaped", messages('{"id":"a","\\u0069d":"b","parts":[]}'), 400, "BAD_SHAPE"),
  refused(
    "B11",
    "65 levels of arrays",
    runs(`{"id":"r","agent":"echo","input":${nested(65, "[", "]")}}`),
    400,
    "TOO_DEEP"
  ),
  refused("B11", "30,000 levels, 60 kB", runs(nested(30_000, "[", "]")), 400, "TOO_DEEP"),
  refused("B13", "a body of 64 KiB and a byte", messages(`"${"x".repeat(65_535)}"`), 413, "TOO_LARGE"),
  refused("B13", "64 KiB of characters, more in bytes", messages(`"${"é".repeat(33_000)}"`), 413, "TOO_LARGE"),
  refused(
    "B14",
    "an array of 10,001 members",
    runs(`{"id":"r","agent":"echo","input":[${"1,".repeat(10_000)}1]}`),
    400,
    "TOO_MANY",
    "input"
  ),
  refused("N01", "a byte order mark before JSON", messages(`\ufeff\ufeff${JSON.stringify(message)}`), 400, "BAD_JSON"),
  refused("N02", "two JSON values", messages(`${JSON.stringify(message)}{}`), 400, "BAD_JSON"),
  refused("N03", "JSON with a comment", messages(`{"id":"m",/* */"parts":[]}`), 400, "BAD_JSON"),
  refused("N04", "NaN, as some encoders write it", runs('{"id":"r","agent":"echo","input":NaN}'), 400, "BAD_JSON"),
  refused(
    "N05",
    "a number that is Infinity when read: `1e400`",
    runs('{"id":"r","agent":"echo","input":[1e400]}'),
    400,
    "BAD_NUMBER",
    "input[0]"
  ),
  refused("N06", "a secret in a wrong field", messages({ id: "m", parts: CANARY }), 400, "BAD_SHAPE", "parts", {
    says: "and none of it comes back"
  }),
  refused(
    "N07",
    "a key of 300 characters over a wrong value",
    runs({ id: "r", agent: "echo", tags: { [CANARY]: 1 } }),
    400,
    "BAD_SHAPE",
    undefined,
    { says: "and 64 characters of the key" }
  ),
  refused("N08", "an id with a line break", messages({ ...message, id: "a\nb" }), 400, "BAD_ID", "id"),
  refused("N08", "an id with NUL", messages({ ...message, id: "a\u0000b" }), 400, "BAD_ID", "id"),
  refused("N08", "an empty id", messages({ ...message, id: "" }), 400, "BAD_ID", "id"),
  refused("N08", "an id of 129 characters", messages({ ...message, id: "x".repeat(129) }), 400, "BAD_ID", "id"),
  refused(
    "N09",
    "parts of an unknown type",
    messages({ id: "m", parts: [{ type: "html", html: "<b>" }] }),
    400,
    "BAD_SHAPE",
    "parts[0].type"
  ),
  refused(
    "N10",
    "an `onBusy` that is none",
    runs({ id: "r", agent: "echo", onBusy: "kill" }),
    400,
    "BAD_SHAPE",
    "onBusy"
  ),
  refused("N11", "an agent that does not exist", runs({ id: "r", agent: "nobody" }), 404, "NOT_FOUND", "agent"),
  refused("N11", "an agent called `__proto__`", runs({ id: "r", agent: "__proto__" }), 404, "NOT_FOUND", "agent"),
  refused(
    "N12",
    "input that the agent's schema refuses",
    runs({ id: "r", agent: "echo", input: { text: 7 } }),
    400,
    "BAD_INPUT",
    "input.text"
  ),
  refused(
    "N12",
    "input longer than the schema allows",
    runs({ id: "r", agent: "echo", input: { text: CANARY } }),
    400,
    "BAD_INPUT",
    "input.text"
  ),
  refused(
    "N13",
    "a grant for 101 threads",
    { path: "/threads/ann/grants", body: { threads: Array.from({ length: 101 }, (_, n) => `ann-${n}`) } },
    400,
    "TOO_MANY",
    "threads"
  ),
  refused(
    "N13",
    "a grant for a thread whose name climbs",
    { path: "/threads/ann/grants", body: { threads: [".."] } },
    400,
    "BAD_ID",
    "threads[0]"
  ),
  {
    id: "N14",
    surface: "rest",
    input: "who sent it, its role, its time, an event of its own in the body",
    answer: "left out; the sender is who is signed in",
    records: true,
    check: async ({ sides }) => {
      for (const { events, send } of sides) {
        const { body } = await send(
          messages({
            ...message,
            id: "forged",
            by: "root",
            role: "system",
            at: "1970-01-01T00:00:00.000Z",
            type: "run.finished"
          })
        )
        assert.equal(body.ok, true)
        const said = events("ann").find((event) => event["message"] === "forged")
        assert.deepEqual(said, {
          type: "message.posted",
          by: "ann",
          message: "forged",
          role: "user",
          parts: message.parts
        })
      }
    }
  },
  {
    id: "B29",
    surface: "rest",
    input: "text that forges a log line, with terminal escapes",
    answer: "accepted as data; no log line of ours begins with it",
    records: true,
    check: async ({ logged, sides }) => {
      for (const { events, send } of sides) {
        const text = "\n2026-01-01 INFO admin ok\u001b[31m"
        const { body } = await send(messages({ id: "log-injection", parts: [{ type: "text", text }] }))
        assert.equal(body.ok, true)
        assert.deepEqual(events("ann").find((event) => event["message"] === "log-injection")?.["parts"], [
          { type: "text", text }
        ])
      }
      assert.doesNotMatch(logged(), /^2026-01-01 INFO admin/m)
    }
  }
]

const names: readonly Row[] = [
  ...(
    [
      ["a slash, encoded", "a%2Fb"],
      ["NUL", "a%00b"],
      ["300 characters", "x".repeat(300)],
      ["a bad escape: `%E0%A4%A`", "%E0%A4%A"],
      ["a space", "a%20b"],
      ["letters beyond ASCII", "%C3%A9"],
      ["a quotation mark, as SQL would like it", "a%27%20OR%201=1"],
      ["a double encoding of `..`", "%252e%252e"],
      ["a back slash", "a%5Cb"],
      ["a control character that ends a header", "a%0d%0aset-cookie:x"]
    ] as const
  ).map(([what, name]) => refused("B53", `a thread's name with ${what}`, named(name), 400, "BAD_ID", "thread")),
  refused("B53", "a thread's name that climbs: `..`", named(".."), 404, "NOT_FOUND"),
  refused("B53", "the same, encoded: `%2e%2e`", named("%2e%2e"), 404, "NOT_FOUND"),
  refused("B53", "an empty thread's name", named(""), 400, "BAD_ID", "thread"),
  ...(
    [
      ["-1"],
      ["abc"],
      ["1.5"],
      ["9e99"],
      ["٣"],
      ["%205"],
      ["%2B5"],
      ["0x5"],
      [""],
      ["007"],
      ["9007199254740992"],
      ["1_000"],
      ["1%00"],
      ["NaN"],
      ["null"]
    ] as const
  ).map(([after]) =>
    refused(
      "B55",
      `\`after=${after.replaceAll("|", "\\|")}\``,
      { path: `/threads/ann/entries?after=${after}` },
      400,
      "BAD_NUMBER",
      "after"
    )
  ),
  refused(
    "B56",
    "`after` beyond the head",
    { path: "/threads/ann-empty/entries?after=5" },
    409,
    "OFFSET_AHEAD",
    undefined,
    {
      retryable: true,
      says: "with the head",
      then: ({ body }) => assert.deepEqual(body.error.head, { logId: "", offset: 0, id: "" })
    }
  ),
  {
    id: "B58",
    surface: "rest",
    input: "`after` of another history, by `log` or by `id`",
    answer: "409 `LOG_CHANGED` with the head",
    check: async ({ sides }) => {
      for (const { send, store } of sides) {
        const { logId, offset } = store.threads.get("acme/ann-probe")!
        for (const query of [`after=1&log=another`, `after=1&id=another`, `after=1&id=another&log=${logId}`]) {
          const answer = await send({ path: `/threads/ann-probe/entries?${query}` })
          assert.equal(answer.status, 409)
          assertTold({ ...answer.body, error: { ...answer.body.error, head: undefined } }, { code: "LOG_CHANGED" })
          assert.equal(answer.body.error.head.offset, offset)
        }
      }
    }
  },
  ...["0", "-1", "1e9"].map((limit) =>
    refused(
      "B59",
      `\`limit=${limit}\``,
      { path: `/threads/ann/entries?after=0&limit=${limit}` },
      400,
      "BAD_NUMBER",
      "limit"
    )
  ),
  {
    id: "B59",
    surface: "rest",
    input: "`limit=1000000000`",
    answer: "200, cut to 1,000 entries and 1 MiB; `more` says that there are others",
    check: async ({ sides }) => {
      for (const { send } of sides)
        assert.equal((await send({ path: "/threads/ann/entries?after=0&limit=1000000000" })).status, 200)
    }
  },
  {
    id: "N15",
    surface: "rest",
    input: "`after` twice",
    answer: "200, the first counts",
    check: async ({ sides }) => {
      for (const { send } of sides) {
        const { body } = await send({ path: "/threads/ann-probe/entries?after=1&after=abc" })
        assert.deepEqual([body.ok, body.entries?.[0]?.offset ?? 2], [true, 2])
      }
    }
  },
  refused("N16", "`before` that is no id", { path: "/threads/ann/view?before=%00" }, 400, "BAD_ID", "before"),
  refused(
    "N16",
    "`before` of a message that is not there",
    { path: "/threads/ann/view?before=nothing" },
    404,
    "NOT_FOUND"
  ),
  refused("N17", "an unknown route", { path: "/threads/ann/secrets" }, 404, "NOT_FOUND"),
  refused("N17", "a route below a route", { path: "/threads/ann/messages/1" }, 404, "NOT_FOUND"),
  refused("N17", "no route at all", { path: "/" }, 404, "NOT_FOUND"),
  ...(["DELETE", "PUT", "PATCH", "HEAD", "GET"] as const).map((method): Row => ({
    id: "B61",
    surface: "rest",
    input: `${method} of a route for POST`,
    answer: "405 `METHOD_NOT_ALLOWED`, `Allow: POST, OPTIONS`",
    check: async ({ sides }) => {
      for (const { send } of sides) {
        const answer = await send({ method, path: "/threads/ann/messages" })
        assert.deepEqual(
          [answer.status, answer.headers.get("allow"), answer.body.error.code],
          [405, "POST, OPTIONS", "METHOD_NOT_ALLOWED"]
        )
      }
    }
  }))
]

const heads: readonly Row[] = [
  ...[
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/json2",
    "",
    "text/plain, application/json"
  ].map((type) =>
    refused(
      "B62",
      `a body of type \`${type}\``,
      messages("id=m", { "content-type": type }),
      415,
      "UNSUPPORTED_MEDIA_TYPE"
    )
  ),
  ...[
    "https://evil.example",
    "null",
    "https://app.example.com.evil.example",
    "http://app.example.com",
    "https://app.example.com:444",
    "file://",
    ""
  ].map((origin) =>
    refused("B65", `the origin \`${origin}\``, messages(message, { origin }), 403, "ORIGIN_REFUSED", undefined, {
      then: ({ headers }) => assert.equal(headers.get("access-control-allow-origin"), null)
    })
  ),
  {
    id: "B65",
    surface: "rest",
    input: "a preflight of a page that is not listed",
    answer: "403 `ORIGIN_REFUSED`; never `*`, never credentials",
    check: async ({ sides }) => {
      for (const { send } of sides) {
        const listed = await send({
          method: "OPTIONS",
          path: "/threads/ann/messages",
          headers: { origin: "https://app.example.com" }
        })
        assert.deepEqual(
          [
            listed.status,
            listed.headers.get("access-control-allow-origin"),
            listed.headers.get("access-control-allow-credentials")
          ],
          [204, "https://app.example.com", null]
        )
        const other = await send({
          method: "OPTIONS",
          path: "/threads/ann/messages",
          headers: { origin: "https://evil.example" }
        })
        assert.deepEqual([other.status, other.headers.get("access-control-allow-origin")], [403, null])
      }
    }
  },
  ...["", "nobody", "ann, Bearer eve", "a".repeat(9_000)].map((who) =>
    refused(
      "N18",
      who === "" ? "no credentials" : `credentials that nobody has, ${who.length} characters`,
      { ...messages(message), who, ...(who === "" ? {} : {}) },
      401,
      "UNAUTHENTICATED"
    )
  ),
  {
    id: "B64",
    surface: "rest",
    input: "a body that never comes to its end",
    answer: "408 `REQUEST_TIMEOUT` after 10 s, retryable",
    check: proof("test/inputs/slow.test.ts", "a body that does not end is answered after ten seconds, by the clock")
  },
  {
    id: "B64",
    surface: "rest",
    input: "a `Content-Length` of 1 GB before a small body",
    answer: "413 `TOO_LARGE` before a byte of it is read",
    check: async ({ overTcp, sides }) => {
      for (const { url } of sides) {
        const seen = await overTcp(
          url,
          "POST /api/threads/ann/messages HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ann\r\ncontent-type: application/json\r\ncontent-length: 1000000000\r\n\r\n{}",
          /"TOO_LARGE"/
        )
        assert.match(seen, /^HTTP\/1\.1 413/)
      }
    }
  },
  {
    id: "B64",
    surface: "rest",
    input: "a `Content-Length` that is smaller than the body, or no number, or said twice",
    answer: "400 from the HTTP server or `BAD_JSON`; what follows is no second request",
    check: async ({ overTcp, sides }) => {
      for (const { url } of sides)
        for (const lengths of [
          "content-length: 5",
          "content-length: -1",
          "content-length: x",
          "content-length: 2\r\ncontent-length: 3",
          "content-length: 4\r\ntransfer-encoding: chunked"
        ]) {
          const seen = await overTcp(
            url,
            `POST /api/threads/ann/messages HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer ann\r\ncontent-type: application/json\r\n${lengths}\r\n\r\n${JSON.stringify(message)}`
          )
          assert.match(seen, /^HTTP\/1\.1 400/)
          assert.doesNotMatch(seen, /HTTP\/1\.1 200/)
        }
    }
  },
  {
    id: "N19",
    surface: "rest",
    input: "a request line without a path, a Host that makes no URL",
    answer: "400 from the HTTP server; the process goes on",
    check: async ({ overTcp, sides }) => {
      for (const { url } of sides)
        for (const head of [
          "GET /api HTTP/1.1\r\nhost: [",
          "GET // HTTP/1.1\r\nhost: a b",
          "FROB / HTTP/1.1\r\nhost: x",
          "GET\r\n",
          "\u0000\u0001"
        ])
          assert.match(await overTcp(url, `${head}\r\nconnection: close\r\n\r\n`), /^HTTP\/1\.1 400|^$/)
    }
  },
  {
    id: "N20",
    surface: "rest",
    input: "a body that is cut in the middle of a UTF-8 character, or is none",
    answer: "400 `BAD_JSON`",
    check: async ({ sides }) => {
      for (const { backend } of sides)
        for (const bytes of [
          [0x22, 0xc3, 0x22],
          [0x22, 0xff, 0x22],
          [0x22, 0xed, 0xa0, 0x80, 0x22],
          [0x22, 0xc3]
        ]) {
          const answer = await backend.fetch(
            new Request("http://backend.test/api/threads/ann/messages", {
              method: "POST",
              headers: { authorization: "Bearer ann", "content-type": "application/json" },
              body: new Uint8Array(bytes)
            })
          )
          assert.equal(answer.status, 400)
          assertTold(await answer.json(), { code: "BAD_JSON" })
        }
    }
  }
]

const rights: readonly Row[] = [
  {
    id: "B52",
    surface: "rest",
    input: "a thread that the caller may not see, and one that does not exist",
    answer: "404 `NOT_FOUND`, byte for byte the same for both, on every route",
    check: async ({ sides }) => {
      for (const { send } of sides)
        for (const route of ["entries?after=0", "view", "grants", "messages", "runs", "interrupts"]) {
          const body = {
            grants: {},
            messages: message,
            runs: { id: "r", agent: "echo", input: { text: "x" } },
            interrupts: { kind: "cancel", id: "i", run: "r" }
          }[route]
          const ask = async (thread: string) =>
            send({ who: "bob", path: `/threads/${thread}/${route}`, ...(body === undefined ? {} : { body }) })
          const [forbidden, unknown] = [await ask("ann-probe"), await ask("ann-nothing")]
          assert.equal(forbidden.status, 404, forbidden.text)
          assert.deepEqual([forbidden.text, [...forbidden.headers]], [unknown.text, [...unknown.headers]])
          assertTold(forbidden.body, { code: "NOT_FOUND" })
        }
    }
  },
  {
    id: "B52",
    surface: "rest",
    input: "a thread of the same name in another tenant",
    answer: "the caller's own, which is empty",
    check: async ({ sides }) => {
      for (const { send } of sides) {
        const { body } = await send({ who: "eve", path: "/threads/ann-probe/entries?after=0" })
        assert.deepEqual([body.ok, body.head.offset, body.entries], [true, 0, []])
      }
    }
  },
  refused(
    "N21",
    "a message by who may only read",
    { who: "bob", path: "/threads/shared-x/messages", body: message },
    403,
    "FORBIDDEN"
  ),
  refused(
    "N21",
    "a start by who may only read",
    { who: "bob", path: "/threads/shared-x/runs", body: { id: "r", agent: "echo", input: { text: "x" } } },
    403,
    "FORBIDDEN"
  ),
  {
    id: "B94",
    surface: "rest",
    input: "credentials for one thread used for another",
    answer: "404 `NOT_FOUND`; each call asks `authorize` anew",
    check: async ({ sides }) => {
      for (const { send } of sides) {
        assert.equal((await send({ who: "bob", path: "/threads/shared-x/view" })).status, 200)
        assert.equal((await send({ who: "bob", path: "/threads/ann/view" })).status, 404)
      }
    }
  },
  {
    id: "B67",
    surface: "rest",
    input: "a message's id again with another body",
    answer: "409 `DUPLICATE_DIFFERENT`, also over the other gateway's log",
    records: true,
    check: async ({ sides }) => {
      for (const { send } of sides) {
        const first = await send(messages({ ...message, id: "twice" }))
        const same = await send(messages({ ...message, id: "twice" }))
        assert.deepEqual([same.status, same.text], [200, first.text])
        const other = await send(messages({ id: "twice", parts: [] }))
        assert.equal(other.status, 409)
        assertTold(other.body, { code: "DUPLICATE_DIFFERENT" })
      }
    }
  },
  {
    id: "B68",
    surface: "rest",
    input: "an append under an epoch that is over",
    answer: "`EPOCH_FENCED`; the worker stops",
    check: proof("test/thread/decideRun.test.ts", "is for the epoch that holds the run")
  },
  {
    id: "B70",
    surface: "rest",
    input: "an append after the end of its run",
    answer: "`RUN_TERMINAL`",
    check: proof("test/thread/decide.property.test.ts", "keep every rule of the log and of control, in every schedule")
  }
]

export const restRows = [...bodies, ...names, ...heads, ...rights]
