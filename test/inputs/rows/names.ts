/** Names, numbers, routes and methods in requests. */
import { strict as assert } from "node:assert"
import type { Row } from "../row.ts"
import { assertTold } from "../told.ts"
import { named, refused } from "./requests.ts"

export const nameRows: readonly Row[] = [
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
