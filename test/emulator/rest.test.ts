import { RestError } from "@azure/core-rest-pipeline"
import { afterEach, describe, expect, it } from "vitest"
import { connect, release, serviceOf, start } from "./parties.ts"
import type { Emulator } from "../../src/emulator/emulator.ts"
import { bearer } from "./signing.ts"

afterEach(release)

/** A request with a token of its own for exactly this URL. */
const call = (emulator: Emulator, method: string, path: string, init: RequestInit = {}): Promise<Response> => {
  const url = emulator.url + path
  return fetch(url, {
    method,
    ...init,
    headers: { Authorization: bearer(emulator.accessKey, { aud: url }), ...init.headers }
  })
}
const text = { "Content-Type": "text/plain" }

describe("the REST API through Azure's service SDK", () => {
  it("knows which connections, users and groups exist", async () => {
    const emulator = await start()
    const service = serviceOf(emulator)
    const { connectionId } = await connect(emulator, { userId: "ann", groups: ["g/1 ü"] })
    expect(await service.connectionExists(connectionId)).toBe(true)
    expect(await service.connectionExists("nobody")).toBe(false)
    expect(await service.userExists("ann")).toBe(true)
    expect(await service.userExists("bob")).toBe(false)
    expect(await service.groupExists("g/1 ü")).toBe(true)
    expect(await service.groupExists("g")).toBe(false)
  })

  it("moves connections and users into groups and out of them", async () => {
    const emulator = await start()
    const service = serviceOf(emulator)
    const { connectionId } = await connect(emulator, { userId: "ann" })
    const groups = (): readonly string[] => emulator.connections("chat")[0]!.groups
    await service.group("a/b").addConnection(connectionId)
    await service.group("c").addUser("ann")
    expect(groups()).toEqual(["a/b", "c"])
    await service.group("a/b").removeConnection(connectionId)
    expect(groups()).toEqual(["c"])
    await service.group("c").removeUser("ann")
    await service.group("d").addUser("ann")
    await service.removeConnectionFromAllGroups(connectionId)
    expect(groups()).toEqual([])
    await service.group("d").addUser("ann")
    await service.removeUserFromAllGroups("ann")
    expect(groups()).toEqual([])
    await expect(service.group("d").addConnection("nobody")).rejects.toMatchObject({
      statusCode: 404,
      code: "NotFound"
    })
    await service.group("d").removeConnection("nobody")
  })

  it("grants, checks and revokes permissions while a client is connected", async () => {
    const emulator = await start()
    const service = serviceOf(emulator)
    const { client, connectionId } = await connect(emulator)
    await expect(client.joinGroup("g")).rejects.toMatchObject({ errorDetail: { name: "Forbidden" } })
    await service.grantPermission(connectionId, "joinLeaveGroup", { targetName: "g" })
    expect(await service.hasPermission(connectionId, "joinLeaveGroup", { targetName: "g" })).toBe(true)
    expect(await service.hasPermission(connectionId, "joinLeaveGroup", { targetName: "h" })).toBe(false)
    expect(await service.hasPermission(connectionId, "sendToGroup", { targetName: "g" })).toBe(false)
    await client.joinGroup("g")
    await service.revokePermission(connectionId, "joinLeaveGroup", { targetName: "g" })
    await expect(client.leaveGroup("g")).rejects.toMatchObject({ errorDetail: { name: "Forbidden" } })
  })

  it("closes a group's, a user's and all connections but the excluded", async () => {
    const emulator = await start()
    const service = serviceOf(emulator)
    const parties = await Promise.all(
      ["ann", "ann", "bob", "eve"].map((userId) =>
        connect(emulator, { userId, groups: [userId] }, "json", { autoReconnect: false })
      )
    )
    const ids = () => emulator.connections("chat").map(({ connectionId }) => connectionId)
    const [ann, ann2, bob, eve] = parties.map(({ connectionId }) => connectionId)
    await service.group("bob").closeAllConnections({ reason: "group" })
    expect(ids()).not.toContain(bob)
    // The SDK's types leave `excluded` out; the API has it.
    await call(emulator, "POST", `/api/hubs/chat/:closeConnections?excluded=${ann}&excluded=${ann2}&reason=all`)
    expect(ids()).not.toContain(eve)
    await service.closeUserConnections("ann", { reason: "user" })
    expect(ids()).toEqual([])
    await Promise.all(parties.map(({ disconnected }) => disconnected.count(1)))
    expect(parties.map(({ disconnected }) => disconnected.items[0])).toEqual(["user", "user", "group", "all"])
  })

  it("lists a group's connections page by page", async () => {
    const emulator = await start()
    const parties = await Promise.all(["a", "b", "c"].map((userId) => connect(emulator, { userId, groups: ["g h"] })))
    const found: (string | undefined)[] = []
    for await (const { userId } of await serviceOf(emulator).group("g h").listConnections({ maxPageSize: 2 }))
      found.push(userId)
    expect(found.toSorted()).toEqual(["a", "b", "c"])
    expect(parties).toHaveLength(3)
  })

  it("tells errors as the SDK reads them: status, code and message", async () => {
    const emulator = await start()
    const failure = await serviceOf(emulator)
      .group("g")
      .sendToAll("x", { filter: "userId eq null" })
      .catch((cause: unknown) => cause)
    expect(failure).toBeInstanceOf(RestError)
    expect(failure).toMatchObject({ statusCode: 501, code: "NotImplemented" })
  })
})

describe("a bad REST request", () => {
  it("gets a status, a code in the body and in x-ms-error-code, and changes nothing", async () => {
    const emulator = await start()
    const { received } = await connect(emulator, { groups: ["g"] })
    const base = "/api/hubs/chat"
    const cases: readonly (readonly [string, string, RequestInit, number, string])[] = [
      ["POST", "/api/hubs/1chat/:send", { headers: text, body: "x" }, 400, "InvalidHub"],
      ["POST", `/api/hubs/${"h".repeat(129)}/:send`, { headers: text, body: "x" }, 400, "InvalidHub"],
      ["POST", `${base}/groups/%20/:send`, { headers: text, body: "x" }, 400, "InvalidGroup"],
      ["POST", `${base}/groups/${"g".repeat(1025)}/:send`, { headers: text, body: "x" }, 400, "InvalidGroup"],
      ["POST", `${base}/groups/%ff/:send`, { headers: text, body: "x" }, 404, "NotFound"],
      ["POST", `${base}/:send?messageTtlSeconds=301`, { headers: text, body: "x" }, 400, "InvalidParameter"],
      ["POST", `${base}/:send?messageTtlSeconds=1e1`, { headers: text, body: "x" }, 400, "InvalidParameter"],
      ["POST", `${base}/groups/g/:send`, { headers: { "Content-Type": "text/html" }, body: "x" }, 400, "InvalidBody"],
      [
        "POST",
        `${base}/groups/g/:send`,
        { headers: { "Content-Type": "application/json" }, body: "{" },
        400,
        "InvalidBody"
      ],
      [
        "POST",
        `${base}/groups/g/:send`,
        { headers: { "Content-Type": "application/json" }, body: "" },
        400,
        "InvalidBody"
      ],
      [
        "POST",
        `${base}/groups/g/:send`,
        { headers: { "Content-Type": "application/json" }, body: '1},"type":"system",{' },
        400,
        "InvalidBody"
      ],
      [
        "POST",
        `${base}/groups/g/:send`,
        { headers: { "Content-Type": "application/json" }, body: "[".repeat(100_000) + "]".repeat(100_000) },
        400,
        "InvalidBody"
      ],
      ["POST", `${base}/groups/g/:send`, { headers: text, body: new Uint8Array([0xff, 0xfe]) }, 400, "InvalidBody"],
      ["POST", `${base}/groups/g/:send`, { headers: text, body: "x".repeat(1024 * 1024 + 1) }, 413, "PayloadTooLarge"],
      ["GET", `${base}/groups/g/:send`, {}, 405, "MethodNotAllowed"],
      ["POST", `${base}/nothing`, { headers: text, body: "x" }, 404, "NotFound"],
      ["POST", "/elsewhere", { headers: text, body: "x" }, 404, "NotFound"],
      ["PUT", `${base}/permissions/everything/connections/c`, {}, 400, "InvalidPermission"],
      ["GET", `${base}/groups/g/connections?maxpagesize=201`, {}, 400, "InvalidParameter"]
    ]
    for (const [method, path, init, status, code] of cases) {
      const response = await call(emulator, method, path, init)
      expect([path.slice(0, 60), response.status, response.headers.get("x-ms-error-code")]).toEqual([
        path.slice(0, 60),
        status,
        code
      ])
      expect(await response.json()).toMatchObject({ code, message: expect.any(String) })
    }
    expect((await call(emulator, "GET", `${base}/:send`)).headers.get("allow")).toBe("POST")
    await call(emulator, "POST", `${base}/groups/g/:send`, { headers: text, body: "only this" })
    expect(await received.count(1)).toEqual(["only this"])
  })

  it("of 1 MB exactly passes, and the same URL answers bad bodies as well the second time", async () => {
    const emulator = await start()
    const { received } = await connect(emulator, { groups: ["g"] })
    const path = "/api/hubs/chat/groups/g/:send"
    for (let i = 0; i < 2; i++) {
      expect((await call(emulator, "POST", path, { headers: text, body: "x".repeat(1024 * 1024) })).status).toBe(202)
      expect((await call(emulator, "POST", path, { headers: text, body: "x".repeat(1024 * 1024 + 1) })).status).toBe(
        413
      )
      expect(
        (await call(emulator, "POST", path, { headers: { "Content-Type": "application/json" }, body: "{" })).status
      ).toBe(400)
    }
    expect((await received.count(2)).map((data) => String(data).length)).toEqual([1024 * 1024, 1024 * 1024])
  })

  it("needs no token for the health check only", async () => {
    const emulator = await start()
    expect((await fetch(`${emulator.url}/api/health`, { method: "HEAD" })).status).toBe(200)
    expect((await fetch(`${emulator.url}/api/hubs/chat/groups/g`, { method: "HEAD" })).status).toBe(401)
  })
})
