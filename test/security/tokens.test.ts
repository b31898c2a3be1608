/** Tokens that clients bring: to the plain gateway's socket, and in the seal of Azure Web PubSub; and other sites' pages. */
import { createHmac } from "node:crypto"
import { EncryptJWT, SignJWT } from "jose"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { startWsGateway, type WsGateway } from "throughline/adapters/gateways/ws/gateway"
import WebSocket from "ws"
import { openPrincipal, sealPrincipal } from "../../adapters/gateways/azure-web-pubsub/principalSeal.ts"
import { deriveSecrets, sealTicket } from "../../src/gateway/secrets.ts"
import { startApp } from "../server/app.ts"

const KEY = "a key of the tests, thirty-two characters long"
const secrets = deriveSecrets("ws", KEY)
const ticket = { principal: { id: "ann" }, groups: ["g"], worker: false }
const soon = () => Date.now() + 60_000
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url")

let gateway: WsGateway
beforeAll(async () => {
  gateway = await startWsGateway({ key: KEY })
})
afterAll(() => gateway.close())

/** The status that the handshake ends with; 101: it is open. */
const connect = (token: string, headers: Record<string, string> = {}) =>
  new Promise<number | string>((resolve) => {
    const socket = new WebSocket(`${gateway.url.replace("http", "ws")}/connect`, ["throughline.v1", token], { headers })
    socket.on("open", () => {
      socket.terminate()
      resolve(101)
    })
    socket.on("unexpected-response", (_request, response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  })
const jwe = (change: (token: EncryptJWT) => EncryptJWT, header: object = {}, key = secrets.connect) =>
  change(new EncryptJWT({ ticket }))
    .setProtectedHeader({ alg: "dir", enc: "A256GCM", ...header })
    .encrypt(key)
const ours = (token: EncryptJWT) => token.setAudience("throughline/ws").setExpirationTime("1 minute")

describe("a connection's token", () => {
  it("opens a socket when it was sealed for this, and while it is valid", async () => {
    expect(await connect(await sealTicket(secrets, ticket, soon()))).toBe(101)
    expect(await connect(await sealTicket(secrets, ticket, Date.now() - 1_000))).toBe(401)
  })

  it("that is confused in any way is refused with 401 and opens nothing", async () => {
    const claims = { aud: "throughline/ws", exp: Math.floor(soon() / 1_000), ticket }
    const hs256 = async (key: Uint8Array, header: object = {}) =>
      new SignJWT(claims as never).setProtectedHeader({ alg: "HS256", ...header }).sign(key)
    const genuine = await sealTicket(secrets, ticket, soon())
    const parts = genuine.split(".")
    const wrong: Record<string, string> = {
      "alg none": `${encode({ alg: "none" })}.${encode(claims)}.`,
      "alg None, with a signature": `${encode({ alg: "None" })}.${encode(claims)}.${createHmac("sha256", secrets.connect).update("x").digest("base64url")}`,
      "signed, not sealed": await hs256(secrets.connect),
      "signed with the text of our key": await hs256(Buffer.from(KEY)),
      "kid as a path": await hs256(secrets.connect, { kid: "../../../../dev/null" }),
      "kid as SQL": await hs256(secrets.connect, { kid: "1' OR '1'='1" }),
      "other algorithm": await jwe(ours, { enc: "A128CBC-HS256" }),
      "other key": await jwe(ours, {}, deriveSecrets("ws", `another ${KEY}`).connect),
      "the key of another use": await jwe(ours, {}, secrets.upstream),
      "no audience": await jwe((token) => token.setExpirationTime("1 minute")),
      "other audience": await jwe((token) => token.setAudience("throughline/other").setExpirationTime("1 minute")),
      "no expiry": await jwe((token) => token.setAudience("throughline/ws")),
      "expiry as text": `${parts[0]}.${parts[1]}.${parts[2]}.${encode({ exp: "never" })}.${parts[4]}`,
      "header changed": `${encode({ alg: "dir", enc: "A256GCM", x: 1 })}.${parts.slice(1).join(".")}`,
      "part missing": parts.slice(0, 4).join("."),
      empty: "x"
    }
    for (const [name, token] of Object.entries(wrong)) expect([name, await connect(token)]).toEqual([name, 401])
    expect(gateway.connections()).toBe(0)
  }, 30_000)

  it("a token of a megabyte or of ten thousand claims is refused before it is read", async () => {
    expect([400, 401, 431, "ECONNRESET", "EPIPE"]).toContain(await connect("A".repeat(1024 * 1024)))
    const many = await new EncryptJWT(Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`c${n}`, n])))
      .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
      .encrypt(secrets.connect)
    expect([400, 401, 431, "ECONNRESET", "EPIPE"]).toContain(await connect(many))
    expect(await openPrincipal([secrets.connect], "h", "A".repeat(1024 * 1024), { in: "url" })).toBeUndefined()
    expect(await connect(await sealTicket(secrets, ticket, soon()))).toBe(101)
  })
})

describe("a sealed principal", () => {
  const sealed = { principal: { id: "ann" }, worker: false }
  it("is worth nothing for another hub, another use, another connection, or without one name", async () => {
    const url = await sealPrincipal(secrets.connect, "h", sealed, { in: "url", expiresAt: soon() })
    const state = await sealPrincipal(secrets.connect, "h", sealed, { in: "connection", connection: "c1" })
    expect(await openPrincipal([secrets.connect], "h", url, { in: "url" })).toEqual(sealed)
    expect(await openPrincipal([secrets.connect], "h", state, { in: "connection", connection: "c1" })).toEqual(sealed)
    expect(await openPrincipal([secrets.connect], "other", url, { in: "url" })).toBeUndefined()
    expect(await openPrincipal([secrets.connect], "h", url, { in: "connection", connection: "c1" })).toBeUndefined()
    expect(await openPrincipal([secrets.connect], "h", state, { in: "url" })).toBeUndefined()
    expect(await openPrincipal([secrets.connect], "h", state, { in: "connection", connection: "c2" })).toBeUndefined()
    for (const id of [undefined, ["ann"], { ann: true }, 7, null]) {
      const odd = await new EncryptJWT({ id })
        .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
        .setAudience("throughline/h/url")
        .setExpirationTime("1 minute")
        .encrypt(secrets.connect)
      expect(await openPrincipal([secrets.connect], "h", odd, { in: "url" })).toBeUndefined()
    }
  })
})

describe("another site's page", () => {
  it("gets nothing: no answer to read, no preflight, no simple form", async () => {
    const app = await startApp()
    for (const origin of [
      "https://evil.example",
      "null",
      "https://app.example.com.evil.example",
      "http://app.example.com"
    ]) {
      for (const [method, path] of [
        ["GET", "/threads/ann-1/view"],
        ["POST", "/threads/ann-1/messages"],
        ["OPTIONS", "/threads/ann-1/messages"]
      ] as const) {
        const { headers, status } = await app.send("ann", method, path, method === "POST" ? {} : undefined, { origin })
        expect([origin, method, status]).toEqual([origin, method, 403])
        expect(headers.get("access-control-allow-origin")).toBeNull()
      }
    }
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
      const form = await app.send("ann", "POST", "/threads/ann-1/messages", "{}", { "content-type": type })
      expect(form.status).toBe(415)
    }
    await app.close()
  })
})
