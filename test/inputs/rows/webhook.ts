/** Webhooks: calls to the backend's upstream route that claim to come from the gateway. */
import { strict as assert } from "node:assert"
import { proof, type Row } from "../row.ts"
import type { World } from "../world.ts"

interface Changed {
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly body?: string
  readonly query?: string
  readonly path?: string
  readonly method?: string
}
/** A genuine event of ann's connection with this of it changed: refused by the real route, before anything is looked at. */
const refused = (
  id: string,
  input: string,
  status: number,
  code: string,
  changed: Changed | ((world: World) => Promise<readonly Changed[]>)
): Row => ({
  id,
  surface: "webhook",
  input,
  answer: `${status} \`${code}\``,
  check: async (world) => {
    for (const change of typeof changed === "function" ? await changed(world) : [changed]) {
      const answer = await world.webhook(change)
      assert.deepEqual([answer.status, answer.body?.error?.code], [status, code], answer.text)
      assert.equal(answer.body.ok, false)
      assert.doesNotMatch(answer.text, /canary|eyJ|\n\s+at /)
      assert.ok(answer.text.length < 400)
    }
  }
})
const signature = (value: string | undefined): Changed => ({ headers: { "ce-signature": value } })
const CONNECT = { "ce-type": "azure.webpubsub.sys.connect", "ce-eventname": "connect" }
const base64 = (text: string) => Buffer.from(text).toString("base64")
const UPSTREAM = "test/adapters/gateways/azure-upstream.test.ts"

export const webhookRows: readonly Row[] = [
  {
    id: "N70",
    surface: "webhook",
    input: "a genuine event, to see that the others are refused for what was changed",
    answer: "200 with the answer to it",
    check: async ({ webhook }) => {
      const answer = await webhook({})
      assert.deepEqual([answer.status, answer.body?.error?.code], [200, "NOT_FOUND"], answer.text)
    }
  },
  refused("B73", "no signature", 401, "WEBHOOK_BAD_SIGNATURE", signature(undefined)),
  refused("B74", "an empty signature", 401, "WEBHOOK_BAD_SIGNATURE", signature("")),
  refused(
    "B74",
    "a signature by another key, of another connection, in uppercase, without `sha256=`, cut, made longer",
    401,
    "WEBHOOK_BAD_SIGNATURE",
    async ({ signed }) => [
      signature(signed("c1", "another")),
      signature(signed("c2")),
      signature(signed("c1").replace(/=(.*)/, (_, hex: string) => `=${hex.toUpperCase()}`)),
      signature(signed("c1").slice(7)),
      signature(signed("c1").slice(0, -1)),
      signature(`${signed("c1")}0`)
    ]
  ),
  refused(
    "B74",
    "10,000 candidates, and the right one as the fifth",
    401,
    "WEBHOOK_BAD_SIGNATURE",
    async ({ signed }) => [
      signature(Array.from({ length: 150 }, (_, n) => signed("c1", `k${n}`)).join(",")),
      signature(
        [1, 2, 3, 4]
          .map((n) => signed("c1", `k${n}`))
          .concat(signed("c1"))
          .join(",")
      )
    ]
  ),
  refused("B76", "a right signature without the handler's key", 401, "UNAUTHENTICATED", async () =>
    ["", "?code=", "?code=wrong", "?code=wrong&code=wrong"].map((query) => ({ query }))
  ),
  refused("B76", "a right signature and key without a sealed state", 401, "UNAUTHENTICATED", {
    headers: { "ce-connectionstate": undefined }
  }),
  refused("B77", "a right signature under another user's name", 401, "UNAUTHENTICATED", async () =>
    ["acme:bob", "other:ann", "", "ann"].map((user) => ({ headers: { "ce-userid": user } }))
  ),
  refused("B77", "the sealed state of another connection", 401, "UNAUTHENTICATED", async ({ signed }) => [
    { headers: { "ce-connectionid": "c2", "ce-signature": signed("c2") } }
  ]),
  refused("B79", "a time 3 days old, 301 s old, 301 s ahead, a day ahead", 401, "WEBHOOK_REPLAYED", async () =>
    [-3 * 86_400_000, -301_000, 301_000, 86_400_000].map((offset) => ({
      headers: { "ce-time": new Date(Date.now() + offset).toISOString() }
    }))
  ),
  refused("B79", "no time, an empty one, one that is none", 401, "WEBHOOK_REPLAYED", async () =>
    [undefined, "", "yesterday", "Infinity", "0x0"].map((time) => ({ headers: { "ce-time": time } }))
  ),
  refused("B80", "the handshake without an origin", 400, "BAD_SHAPE", async () =>
    [undefined, "", " "].map((origin) => ({ method: "OPTIONS", headers: { "webhook-request-origin": origin } }))
  ),
  refused("B80", "the handshake for another host", 403, "UNAUTHENTICATED", async () =>
    ["evil.example", "127.0.0.1.evil.example", "*"].map((origin) => ({
      method: "OPTIONS",
      headers: { "webhook-request-origin": origin }
    }))
  ),
  refused("B82", "a type nobody knows, none, one that does not fit the name, no name", 400, "BAD_SHAPE", async () => [
    { headers: { "ce-type": "azure.webpubsub.sys.paused", "ce-eventname": "paused" } },
    { headers: { "ce-type": undefined } },
    { headers: { "ce-type": "azure.webpubsub.sys.connect", "ce-eventname": "interrupt" } },
    { headers: { "ce-eventname": "other" } },
    { headers: { "ce-type": "azure.webpubsub.user.", "ce-eventname": "" } },
    { headers: { "ce-type": "azure.webpubsub.user.Interrupt" } }
  ]),
  refused("B83", "another hub, no hub", 400, "BAD_SHAPE", async () =>
    ["other", "", undefined].map((hub) => ({ headers: { "ce-hub": hub } }))
  ),
  refused("N71", "no connection id", 400, "BAD_SHAPE", { headers: { "ce-connectionid": undefined } }),
  refused("N72", "a body of bytes, of no type", 400, "BAD_SHAPE", async () =>
    ["application/octet-stream", "", "text/html"].map((type) => ({ headers: { "content-type": type } }))
  ),
  refused("N72", "a body of more than 64 KiB", 413, "TOO_LARGE", { body: `"${"x".repeat(65_535)}"` }),
  refused("N73", "GET, PUT, DELETE", 405, "BAD_SHAPE", async () =>
    ["GET", "PUT", "DELETE"].map((method) => ({ method }))
  ),
  refused(
    "B85",
    "a connection state that is no base64, no JSON, has no seal, a forged one, an unencrypted token",
    401,
    "UNAUTHENTICATED",
    async () =>
      [
        "%%%",
        base64("hello"),
        base64("null"),
        base64("{}"),
        base64("[]"),
        base64('{"tl":7}'),
        base64('{"tl":"a.b.c.d.e"}'),
        base64(
          JSON.stringify({
            tl: `${Buffer.from('{"alg":"none"}').toString("base64url")}.${Buffer.from('{"id":"ann"}').toString("base64url")}.`
          })
        ),
        base64(JSON.stringify({ tl: "x".repeat(5_000) }))
      ].map((state) => ({
        headers: { "ce-connectionstate": state }
      }))
  ),
  refused("B85", "the URL's seal as a connection's state", 401, "UNAUTHENTICATED", async ({ sealInUrl }) => [
    { headers: { "ce-connectionstate": base64(JSON.stringify({ tl: await sealInUrl() })) } }
  ]),
  refused("B86", "a `connect` whose query holds a token and no seal of ours", 401, "UNAUTHENTICATED", async () =>
    [undefined, [], [""], ["x"], "x", [1], null, ["a", "b"]].map((tl) => ({
      headers: CONNECT,
      body: JSON.stringify({ claims: {}, query: { access_token: ["eyJcanary"], tl }, subprotocols: [] })
    }))
  ),
  refused("B86", "a `connect` whose body is no JSON", 400, "BAD_SHAPE", { headers: CONNECT, body: "{" }),
  refused("B91", "a seal made for another hub, or with another key", 401, "UNAUTHENTICATED", async ({ foreignSeals }) =>
    (await foreignSeals()).map((tl) => ({
      headers: CONNECT,
      body: JSON.stringify({ claims: {}, query: { tl: [tl] }, subprotocols: [] })
    }))
  ),
  refused("N74", "the route of a gateway that this backend has not", 404, "NOT_FOUND", async () =>
    ["/upstream/ws", "/upstream/", "/upstream/%2e%2e", "/upstream/%E0%A4%A"].map((path) => ({ path }))
  ),
  {
    id: "N75",
    surface: "webhook",
    input: "what is genuine but no interrupt: broken JSON, text, an empty body, a list",
    answer: "200 with a fault: anything else would end the client's connection",
    check: async ({ webhook }) => {
      for (const body of ["{", "", "[]", "null", '"x"', '{"thread":7}']) {
        const answer = await webhook({ body })
        assert.deepEqual(
          [answer.status, answer.body?.ok, answer.body?.error?.code],
          [200, false, "BAD_SHAPE"],
          answer.text
        )
      }
    }
  },
  {
    id: "N76",
    surface: "webhook",
    input: "a call of the plain gateway: unsigned, changed, late, too large",
    answer: "401 or 413",
    check: proof(
      "test/adapters/gateways/ws.test.ts",
      "takes a signed call, and refuses one that is unsigned, changed, late or too large"
    )
  },
  {
    id: "B28",
    surface: "webhook",
    input: "the same genuine event again and again",
    answer: "one effect: an interrupt's id is recorded",
    check: proof(
      "test/thread/decideInterrupt.test.ts",
      "gives the same id the same verdict, and refuses it for another body"
    )
  },
  {
    id: "B76",
    surface: "webhook",
    input: "a right signature, key and state around another body",
    answer: "handed on: who holds the handler's key is the gateway; then authorized as ann's",
    check: proof(
      UPSTREAM,
      "refuses a replaced body or event behind a right signature, where key or state are missing (B76)"
    )
  }
]
