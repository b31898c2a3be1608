/** Headers, origins, credentials, and what a client does to HTTP itself. */
import { strict as assert } from "node:assert"
import { proof, type Row } from "../row.ts"
import { assertTold } from "../told.ts"
import { message, messages, refused } from "./requests.ts"

export const httpRows: readonly Row[] = [
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
