/** Tokens and grants: what lets a client connect, and what a client makes of it. */
import { strict as assert } from "node:assert"
import { proof, type Row } from "../row.ts"

const PLAIN = "throughline.v1"
const TOKENS = "test/emulator/tokens.test.ts"
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")

/** Tokens for the plain gateway that must not open a socket. */
const closed = (id: string, input: string, tokens: (genuine: string) => readonly string[]): Row => ({
  id,
  surface: "token",
  input: `plain gateway: ${input}`,
  answer: "401 at the handshake",
  check: async ({ closedWith, ws }) => {
    const { token, url } = await ws.grant("ann", "ann")
    for (const wrong of tokens(token!))
      assert.match(await closedWith(url, [PLAIN, wrong], []), /^HTTP 401/, wrong.slice(0, 60))
  }
})
export const tokenRows: readonly Row[] = [
  closed("B89", "`alg: none`, and a signed token where an encrypted one belongs", () => [
    `${encode({ alg: "none" })}.${encode({ id: "ann" })}.`,
    `${encode({ alg: "HS256", kid: "../../key" })}.${encode({ id: "ann", aud: "throughline/ws", exp: 4e9 })}.AAAA`,
    `${encode({ alg: "dir", enc: "A128CBC-HS256", kid: "' OR 1=1" })}..AAAA.AAAA.AAAA`,
    `${encode({ alg: "dir", enc: "A256GCM", zip: "DEF" })}..AAAA.AAAA.AAAA`
  ]),
  closed("B89", "a genuine token with one character changed, cut, or made longer", (genuine) => {
    const middle = Math.floor(genuine.length / 2)
    const other = genuine[middle] === "A" ? "B" : "A"
    return [
      genuine.slice(0, middle) + other + genuine.slice(middle + 1),
      genuine.slice(0, -4),
      `${genuine}AAAA`,
      genuine.split(".").reverse().join(".")
    ]
  }),
  closed("B89", "no token that is one", () => ["x", ".", "....", "null", "Bearer"]),
  {
    id: "B91",
    surface: "token",
    input: "plain gateway: a token that another gateway's key made",
    answer: "401 at the handshake",
    check: async ({ closedWith, foreignTicket, ws }) => {
      const { url } = await ws.grant("ann", "ann")
      assert.match(await closedWith(url, [PLAIN, await foreignTicket()], []), /^HTTP 401/)
    }
  },
  {
    id: "B89",
    surface: "token",
    input: "Azure Web PubSub (emulator): `alg: none`, another algorithm, key, no signature",
    answer: "401 at the handshake",
    check: proof(TOKENS, "that is wrong in any way is refused with 401 and opens nothing")
  },
  {
    id: "B91",
    surface: "token",
    input: "Azure Web PubSub (emulator): another audience or hub, none",
    answer: "401 at the handshake",
    check: proof(TOKENS, "that is wrong in any way is refused with 401 and opens nothing")
  },
  {
    id: "B92",
    surface: "token",
    input: "Azure Web PubSub (emulator): a list as `sub`, an `exp` that is text or absent",
    answer: "401 at the handshake",
    check: proof(TOKENS, "that is wrong in any way is refused with 401 and opens nothing")
  },
  {
    id: "N80",
    surface: "token",
    input: "Azure Web PubSub (emulator): a client's token for REST, a REST token for a socket",
    answer: "401",
    check: proof(TOKENS, "of a client does not open REST, nor the other way round")
  },
  {
    id: "N81",
    surface: "token",
    input: "Azure Web PubSub (emulator): a REST token for another URL, one that has expired, a repeated one",
    answer: "401, before and after the same URL was called rightly",
    check: proof(
      TOKENS,
      "that is wrong in any way is refused with 401, before and after the same URL was called rightly"
    )
  },
  {
    id: "B95",
    surface: "token",
    input: "a token of 1 MB",
    answer: "431 from the HTTP server, in a header or in the URL",
    check: async ({ overTcp, sides }) => {
      for (const { url } of sides) {
        const large = "x".repeat(1_000_000)
        assert.match(
          await overTcp(
            url,
            `GET /api/threads/ann/view HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${large}\r\n\r\n`,
            /\r\n\r\n/
          ),
          /^HTTP\/1\.1 431/
        )
        assert.match(
          await overTcp(url, `GET /api/threads/ann/view?token=${large} HTTP/1.1\r\nhost: x\r\n\r\n`, /\r\n\r\n/),
          /^HTTP\/1\.1 431/
        )
      }
    }
  },
  {
    id: "B95",
    surface: "token",
    input: "a person whose claims do not fit a connection's URL",
    answer: "no grant; the backend's log says what to make smaller",
    check: proof(
      "test/adapters/gateways/azure-upstream.test.ts",
      "refuses to grant to a principal whose claims do not fit a URL"
    )
  },
  {
    id: "B97",
    surface: "token",
    input: "a right token in the URL of a request that is refused",
    answer: "in no answer and in no line of the log",
    check: async ({ logged, sides }) => {
      for (const { send } of sides) {
        await send({ path: "/threads/ann/secrets?access_token=eyJcanary" })
        await send({ path: "/threads/ann/entries?after=eyJcanary" })
        await send({ path: "/upstream/azure-web-pubsub?code=canary", method: "POST", body: "{}" })
      }
      assert.doesNotMatch(logged(), /canary|eyJ/)
    }
  },
  {
    id: "N82",
    surface: "token",
    input: "a grant that is read: what it lets its holder do",
    answer: "its groups and nothing else: no role, at most five minutes, and the claims cannot be read",
    check: async ({ sides }) => {
      for (const { grant } of sides) {
        const { expiresAt, token, url } = await grant("ann", "ann")
        assert.ok(Date.parse(expiresAt) <= Date.now() + 300_000)
        const texts = [token ?? "", ...new URL(url).searchParams.values()]
          .flatMap((text) => text.split("."))
          .map((part) => Buffer.from(part, "base64url").toString())
        assert.doesNotMatch(texts.join(), /canary-claim|"role"|sendToGroup|joinLeaveGroup/)
      }
    }
  }
]
