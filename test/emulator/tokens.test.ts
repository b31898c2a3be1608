import { afterEach, describe, expect, it } from "vitest"
import type { Emulator } from "../../src/emulator/emulator.ts"
import { connect, openSocket, rawUrl, release, RELIABLE, serviceOf, start } from "./parties.ts"
import { seconds, sign } from "./signing.ts"

afterEach(release)

const clientUrl = (emulator: Emulator, token: string, path = "/client/hubs/chat"): string =>
  `${emulator.url.replace("http", "ws")}${path}?access_token=${token}`

const unsigned = (token: string): string => `${token.split(".").slice(0, 2).join(".")}.`

/** Every way in which a token for `aud` can be wrong. */
const wrongTokens = (key: string, aud: string, other: string): Readonly<Record<string, string>> => ({
  "another key": sign(`${key}x`, { aud }),
  "alg none": unsigned(sign(key, { aud }, { alg: "none" })),
  "another alg": sign(key, { aud }, { alg: "HS512" }),
  "no signature": unsigned(sign(key, { aud })),
  expired: sign(key, { aud, exp: seconds() - 1 }),
  "no exp": sign(key, { aud, exp: undefined }),
  "exp as text": sign(key, { aud, exp: "9999999999" }),
  "not yet valid": sign(key, { aud, nbf: seconds() + 60 }),
  "another audience": sign(key, { aud: other }),
  "no audience": sign(key, {}),
  "sub as list": sign(key, { aud, sub: ["ann", "bob"] }),
  "no token at all": "x"
})

describe("a client's token", () => {
  it("lets in whom it names, by query or by header, from either key", async () => {
    const emulator = await start({ accessKey: "first", secondaryAccessKey: "second" })
    for (const key of ["first", "second"]) {
      const token = sign(key, {
        aud: `${emulator.url}/client/hubs/chat`,
        sub: key,
        role: "webpubsub.sendToGroup",
        "webpubsub.group": "g"
      })
      await openSocket(clientUrl(emulator, token), RELIABLE)
    }
    expect(emulator.connections("chat").map(({ userId, groups }) => [userId, groups])).toEqual([
      ["first", ["g"]],
      ["second", ["g"]]
    ])
  })

  it("may come to /client?hub= and be made by :generateToken", async () => {
    const emulator = await start()
    const url = `${emulator.url}/api/hubs/chat/:generateToken?userId=u&role=webpubsub.joinLeaveGroup.g&minutesToExpire=1`
    const response = await fetch(url, {
      method: "POST",
      headers: { Authorization: `Bearer ${sign(emulator.accessKey, { aud: url })}` }
    })
    const { token } = (await response.json()) as { token: string }
    const raw = await openSocket(`${clientUrl(emulator, token, "/client/")}&hub=chat`, RELIABLE)
    raw.send({ type: "joinGroup", group: "g", ackId: 1 })
    expect(JSON.parse((await raw.frames.count(2))[1]!)).toEqual({ type: "ack", ackId: 1, success: true })
  })

  it("that is wrong in any way is refused with 401 and opens nothing", async () => {
    const emulator = await start()
    const tokens = wrongTokens(
      emulator.accessKey,
      `${emulator.url}/client/hubs/chat`,
      `${emulator.url}/client/hubs/other`
    )
    for (const [what, token] of Object.entries(tokens)) {
      await expect(openSocket(clientUrl(emulator, token), RELIABLE), what).rejects.toThrow("refused with 401")
    }
    await expect(openSocket(clientUrl(emulator, "").split("?")[0]!, RELIABLE)).rejects.toThrow("refused with 401")
    expect(emulator.connections("chat")).toEqual([])
  })

  it("is checked when connecting only: a connection outlives it", async () => {
    const emulator = await start()
    const token = sign(emulator.accessKey, {
      aud: `${emulator.url}/client/hubs/chat`,
      exp: seconds() + 2,
      "webpubsub.group": ["g"]
    })
    const raw = await openSocket(clientUrl(emulator, token), RELIABLE)
    await expect
      .poll(() => openSocket(clientUrl(emulator, token), RELIABLE).then(() => "open", String), {
        timeout: 5_000,
        interval: 250
      })
      .toContain("401")
    await serviceOf(emulator).group("g").sendToAll("still here")
    expect((await raw.frames.count(2))[1]).toContain("still here")
  })

  it("opens no path but the client's", async () => {
    const emulator = await start()
    const token = sign(emulator.accessKey, { aud: `${emulator.url}/client/hubs/chat` })
    await expect(openSocket(clientUrl(emulator, token, "/client/hubs/1"), RELIABLE)).rejects.toThrow("refused with 400")
    await expect(openSocket(clientUrl(emulator, token, "/clients/mqtt/hubs/chat"), "mqtt")).rejects.toThrow(
      "refused with 404"
    )
  })
})

describe("a REST token", () => {
  const post = (emulator: Emulator, token: string, path: string): Promise<Response> =>
    fetch(emulator.url + path, {
      method: "POST",
      body: "x",
      headers: { "Content-Type": "text/plain", Authorization: `Bearer ${token}` }
    })

  it("that is wrong in any way is refused with 401, before and after the same URL was called rightly", async () => {
    const emulator = await start()
    const { received } = await connect(emulator, { groups: ["g"] })
    const path = "/api/hubs/chat/groups/g/:send?api-version=2024-12-01"
    const tokens = wrongTokens(emulator.accessKey, emulator.url + path, `${emulator.url}/api/hubs/chat/groups/h/:send`)
    for (let round = 0; round < 2; round++) {
      for (const [what, token] of Object.entries(tokens)) {
        const response = await post(emulator, token, path)
        expect([what, response.status, response.headers.get("x-ms-error-code")]).toEqual([what, 401, "Unauthorized"])
        expect(await response.text()).not.toContain(token.slice(0, 20))
      }
      expect((await post(emulator, sign(emulator.accessKey, { aud: emulator.url + path }), path)).status).toBe(202)
    }
    expect(await received.count(2)).toEqual(["x", "x"])
  })

  it("may leave out the query, and is remembered only until it expires and only for its URL", async () => {
    const emulator = await start()
    const path = "/api/hubs/chat/groups/g/:send"
    const token = sign(emulator.accessKey, { aud: emulator.url + path, exp: seconds() + 2 })
    expect((await post(emulator, token, `${path}?api-version=2024-12-01`)).status).toBe(202)
    expect((await post(emulator, token, `${path}?api-version=2024-12-01`)).status).toBe(202)
    await post(
      emulator,
      sign(emulator.accessKey, { aud: emulator.url + path.replace("/g/", "/h/") }),
      path.replace("/g/", "/h/")
    )
    expect((await post(emulator, token, path.replace("/g/", "/h/"))).status).toBe(401)
    await expect
      .poll(async () => (await post(emulator, token, `${path}?api-version=2024-12-01`)).status, {
        timeout: 5_000,
        interval: 250
      })
      .toBe(401)
  })

  it("of a client does not open REST, nor the other way round", async () => {
    const emulator = await start()
    const client = new URL(await rawUrl(emulator)).searchParams.get("access_token")!
    expect((await post(emulator, client, "/api/hubs/chat/:send")).status).toBe(401)
    const rest = sign(emulator.accessKey, { aud: `${emulator.url}/api/hubs/chat/:send` })
    await expect(openSocket(clientUrl(emulator, rest), RELIABLE)).rejects.toThrow("refused with 401")
  })
})
