import { afterEach, describe, expect, it } from "vitest"
import { connect, JSON_V1, openSocket, rawUrl, release, RELIABLE, serviceOf, start } from "./parties.ts"

afterEach(release)

describe("messages between the real SDKs", () => {
  for (const protocol of ["reliable", "json"] as const) {
    it(`reach a ${protocol} subscriber of a group from the token, in the order in which REST sent them`, async () => {
      const emulator = await start()
      const party = await connect(emulator, { groups: ["thread"] }, protocol)
      const group = serviceOf(emulator).group("thread")
      for (let i = 0; i < 20; i++) await group.sendToAll({ i })
      expect(await party.received.count(20)).toEqual(Array.from({ length: 20 }, (_, i) => ({ i })))
    })

    it(`keep text, JSON and bytes apart for a ${protocol} subscriber`, async () => {
      const emulator = await start()
      const party = await connect(emulator, { groups: ["thread"] }, protocol)
      const group = serviceOf(emulator).group("thread")
      await group.sendToAll('plain "text"\n', { contentType: "text/plain" })
      await group.sendToAll("a string as JSON")
      await group.sendToAll({ nested: [1, null, { __proto__x: "é" }] })
      await group.sendToAll(Buffer.from([0, 255, 7]))
      const [text, string, json, bytes] = await party.received.count(4)
      expect([text, string, json]).toEqual([
        'plain "text"\n',
        "a string as JSON",
        { nested: [1, null, { __proto__x: "é" }] }
      ])
      expect([...new Uint8Array(bytes as ArrayBuffer)]).toEqual([0, 255, 7])
    })
  }

  it("reach everyone, one user, one connection, or all but the excluded", async () => {
    const emulator = await start()
    const service = serviceOf(emulator)
    const ann = await connect(emulator, { userId: "ann", groups: ["g"] })
    const ann2 = await connect(emulator, { userId: "ann", groups: ["g"] })
    const bob = await connect(emulator, { userId: "bob é/1", groups: ["g"] })
    await service.sendToAll("all")
    await service.sendToUser("ann", "for ann")
    await service.sendToUser("bob é/1", "for bob")
    await service.sendToConnection(ann2.connectionId, "for ann's second")
    await service.group("g").sendToAll("not bob", { excludedConnections: [bob.connectionId] })
    await service.sendToAll("not ann", { excludedConnections: [ann.connectionId, ann2.connectionId] })
    await service.sendToAll("end")
    const end = (items: readonly unknown[]) => items.includes("end")
    expect(await ann.received.until(end)).toEqual(["all", "for ann", "not bob", "end"])
    expect(await ann2.received.until(end)).toEqual(["all", "for ann", "for ann's second", "not bob", "end"])
    expect(await bob.received.until(end)).toEqual(["all", "for bob", "not ann", "end"])
  })

  it("go between clients by role, to the sender too unless it wants no echo", async () => {
    const emulator = await start()
    const roles = ["webpubsub.joinLeaveGroup.g", "webpubsub.sendToGroup.g"]
    const sender = await connect(emulator, { userId: "ann", roles })
    const receiver = await connect(emulator, { roles: ["webpubsub.joinLeaveGroup"] })
    await sender.client.joinGroup("g")
    await receiver.client.joinGroup("g")
    const froms: unknown[] = []
    receiver.client.on("group-message", (event) => froms.push(event.message.fromUserId))
    await sender.client.sendToGroup("g", { n: 1 }, "json")
    await sender.client.sendToGroup("g", "2", "text", { noEcho: true })
    await sender.client.sendToGroup("g", { n: 3 }, "json")
    expect(await receiver.received.count(3)).toEqual([{ n: 1 }, "2", { n: 3 }])
    expect(await sender.received.count(2)).toEqual([{ n: 1 }, { n: 3 }])
    expect(froms).toEqual(["ann", "ann", "ann"])
    await receiver.client.leaveGroup("g")
    expect(
      emulator.connections("chat").find(({ connectionId }) => connectionId === receiver.connectionId)?.groups
    ).toEqual([])
  })

  it("are Forbidden without the role for that very group", async () => {
    const emulator = await start()
    const { client } = await connect(emulator, { roles: ["webpubsub.joinLeaveGroup.g", "webpubsub.sendToGroup.g"] })
    await expect(client.joinGroup("other")).rejects.toMatchObject({ errorDetail: { name: "Forbidden" } })
    await expect(client.sendToGroup("other", "x", "text")).rejects.toMatchObject({ errorDetail: { name: "Forbidden" } })
    await expect(client.leaveGroup("g.1")).rejects.toMatchObject({ errorDetail: { name: "Forbidden" } })
    await client.sendToGroup("g", "x", "text")
  })

  it("are executed once for each ackId, and a refused one may be tried again", async () => {
    const emulator = await start()
    const service = serviceOf(emulator)
    const { client, received, connectionId } = await connect(emulator, {
      roles: ["webpubsub.joinLeaveGroup.g"],
      groups: ["g"]
    })
    await expect(client.sendToGroup("g", "x", "text", { ackId: 7 })).rejects.toMatchObject({
      errorDetail: { name: "Forbidden" }
    })
    await service.grantPermission(connectionId, "sendToGroup", { targetName: "g" })
    expect(await client.sendToGroup("g", "x", "text", { ackId: 7 })).toMatchObject({ isDuplicated: false })
    expect(await client.sendToGroup("g", "x", "text", { ackId: 7 })).toMatchObject({ isDuplicated: true })
    await client.sendToGroup("g", "end", "text")
    expect(await received.until((items) => items.includes("end"))).toEqual(["x", "end"])
  })
})

describe("a client that does not read", () => {
  it("is closed when 16 MB wait for it, and the others are served on", async () => {
    const emulator = await start()
    const url = await rawUrl(emulator, { groups: ["g"] })
    const stalled = await openSocket(url, JSON_V1)
    await stalled.frames.count(1)
    stalled.socket.pause()
    const reader = await connect(emulator, { groups: ["g"] }, "json")
    const group = serviceOf(emulator).group("g")
    const large = "x".repeat(1024 * 1024)
    let sent = 0
    while (emulator.connections("chat").length === 2 && sent < 100) {
      await group.sendToAll(large, { contentType: "text/plain" })
      sent++
    }
    expect(emulator.connections("chat").map(({ connectionId }) => connectionId)).toEqual([reader.connectionId])
    expect(sent).toBeGreaterThan(16)
    await reader.received.count(sent)
  })
})

describe("frames on the wire", () => {
  it("have the service's key order and nothing more in the plain protocol", async () => {
    const emulator = await start()
    const raw = await openSocket(await rawUrl(emulator, { userId: "u", groups: ["g"] }), JSON_V1)
    await raw.frames.count(1)
    expect(JSON.parse(raw.frames.items[0]!)).toEqual({
      type: "system",
      event: "connected",
      userId: "u",
      connectionId: expect.any(String)
    })
    await serviceOf(emulator).sendToAll({ a: 1 })
    await serviceOf(emulator).group("g").sendToAll("t", { contentType: "text/plain" })
    raw.send({ type: "ping" })
    expect((await raw.frames.count(4)).slice(1)).toEqual([
      '{"type":"message","from":"server","dataType":"json","data":{"a":1}}',
      '{"type":"message","from":"group","group":"g","dataType":"text","data":"t"}',
      '{"type":"pong"}'
    ])
  })

  it("are counted from 1 in the reliable protocol", async () => {
    const emulator = await start()
    const raw = await openSocket(await rawUrl(emulator, { groups: ["g"] }), RELIABLE)
    await raw.frames.count(1)
    expect(JSON.parse(raw.frames.items[0]!)).toMatchObject({
      event: "connected",
      reconnectionToken: expect.any(String)
    })
    for (let i = 0; i < 3; i++) await serviceOf(emulator).group("g").sendToAll("t", { contentType: "text/plain" })
    expect((await raw.frames.count(4)).slice(1).map((frame) => JSON.parse(frame).sequenceId)).toEqual([1, 2, 3])
    expect(raw.frames.items[1]).toBe(
      '{"sequenceId":1,"type":"message","from":"group","group":"g","dataType":"text","data":"t"}'
    )
  })

  it("carry the payload alone to a client without subprotocol, whose frames go to its group if it asked for that", async () => {
    const emulator = await start()
    const url = await rawUrl(emulator, { groups: ["g"], roles: ["webpubsub.sendToGroup.g"] })
    const raw = await openSocket(`${url}&webpubsub_mode=sendToGroup&group=g`)
    await serviceOf(emulator).group("g").sendToAll({ a: 1 })
    await raw.frames.count(1)
    raw.send("hello")
    expect(await raw.frames.count(2)).toEqual(['{"a":1}', "hello"])
  })
})
