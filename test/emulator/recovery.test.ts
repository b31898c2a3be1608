import { afterEach, describe, expect, it } from "vitest"
import { connect, Inbox, openSocket, rawUrl, release, RELIABLE, serviceOf, start } from "./parties.ts"
import type { Emulator } from "../../src/emulator/emulator.ts"

afterEach(release)

const recoveryUrl = (emulator: Emulator, connectionId: string, token: string): string =>
  `${emulator.url.replace("http", "ws")}/client/hubs/chat?awps_connection_id=${connectionId}&awps_reconnection_token=${token}`

const connected = async (emulator: Emulator) => {
  const raw = await openSocket(await rawUrl(emulator, { userId: "u", groups: ["g"] }), RELIABLE)
  const [first] = await raw.frames.count(1)
  const { connectionId, reconnectionToken } = JSON.parse(first!) as { connectionId: string; reconnectionToken: string }
  return { raw, connectionId, reconnectionToken }
}

describe("a cut reliable connection", () => {
  it("loses nothing and keeps its id, groups and order through Azure's client", async () => {
    const emulator = await start()
    const { received, connected, disconnected } = await connect(emulator, { groups: ["g"] })
    const group = serviceOf(emulator).group("g")
    await group.sendToAll("before", { contentType: "text/plain" })
    await received.count(1)
    expect(emulator.cut()).toBe(1)
    for (let i = 0; i < 50; i++) await group.sendToAll(String(i), { contentType: "text/plain" })
    expect(await received.count(51)).toEqual(["before", ...Array.from({ length: 50 }, (_, i) => String(i))])
    expect(emulator.stats.recoveries).toBe(1)
    expect([connected.items.length, disconnected.items.length]).toEqual([1, 0])
  })

  it("gets again exactly what it has not acknowledged, after a new `connected`", async () => {
    const emulator = await start()
    const { raw, connectionId, reconnectionToken } = await connected(emulator)
    const group = serviceOf(emulator).group("g")
    for (let i = 1; i <= 4; i++) await group.sendToAll(i)
    await raw.frames.count(5)
    raw.send({ type: "sequenceAck", sequenceId: 2 })
    raw.send({ type: "ping" })
    await raw.frames.count(6)
    raw.socket.terminate()
    await group.sendToAll(5)
    const again = await openSocket(recoveryUrl(emulator, connectionId, reconnectionToken), RELIABLE)
    const frames = (await again.frames.count(4)).map((frame) => JSON.parse(frame))
    expect(frames[0]).toMatchObject({ event: "connected", userId: "u", connectionId })
    expect(frames[0].reconnectionToken).not.toBe(reconnectionToken)
    expect(frames.slice(1).map(({ sequenceId, data }) => [sequenceId, data])).toEqual([
      [3, 3],
      [4, 4],
      [5, 5]
    ])
    // A client that was cut before it read the new token still has the old one.
    again.socket.terminate()
    const third = await openSocket(recoveryUrl(emulator, connectionId, reconnectionToken), RELIABLE)
    expect((await third.frames.count(4)).slice(1).map((frame) => JSON.parse(frame).sequenceId)).toEqual([3, 4, 5])
  })

  it("is taken over by a recovery while the old socket is half-open", async () => {
    const emulator = await start()
    const { connectionId, reconnectionToken } = await connected(emulator)
    expect(emulator.freeze()).toBe(1)
    await serviceOf(emulator).group("g").sendToAll("unseen")
    const again = await openSocket(recoveryUrl(emulator, connectionId, reconnectionToken), RELIABLE)
    expect(JSON.parse((await again.frames.count(2))[1]!)).toMatchObject({ sequenceId: 1, data: "unseen" })
    expect(emulator.connections("chat")).toHaveLength(1)
  })

  it("remembers the ackIds of before", async () => {
    const emulator = await start()
    const { client, received, connected } = await connect(emulator, {
      groups: ["g"],
      roles: ["webpubsub.sendToGroup.g"]
    })
    await client.sendToGroup("g", "once", "text", { ackId: 3 })
    emulator.cut()
    await serviceOf(emulator).group("g").sendToAll("back")
    await received.until((items) => items.includes("back"))
    expect(await client.sendToGroup("g", "once", "text", { ackId: 3 })).toMatchObject({ isDuplicated: true })
    expect(connected.items).toHaveLength(1)
  })

  it("that has expired is refused with 1008, and Azure's client makes a new one", async () => {
    const emulator = await start({ recoveryMillis: 1 })
    const { connected, disconnected, received, connectionId } = await connect(emulator, { groups: ["g"] })
    // nobody is back before the time is over
    emulator.faults.refuseConnections = 1
    emulator.cut()
    await expect.poll(() => emulator.connections("chat")).toEqual([])
    emulator.faults.refuseConnections = 0
    const [, fresh] = await connected.count(2)
    expect(fresh).not.toBe(connectionId)
    expect(disconnected.items).toHaveLength(1)
    await serviceOf(emulator).group("g").sendToAll("again")
    expect(await received.count(1)).toEqual(["again"])
  })

  it("is not given to a wrong token or an unknown id", async () => {
    const emulator = await start()
    const { connectionId, reconnectionToken } = await connected(emulator)
    const other = await connected(emulator)
    for (const url of [
      recoveryUrl(emulator, connectionId, "x"),
      recoveryUrl(emulator, connectionId, other.reconnectionToken),
      recoveryUrl(emulator, connectionId, `${reconnectionToken}x`),
      recoveryUrl(emulator, "unknown", reconnectionToken),
      recoveryUrl(emulator, connectionId, reconnectionToken).replace("/hubs/chat", "/hubs/other")
    ])
      expect((await (await openSocket(url, RELIABLE)).closed).code).toBe(1008)
    expect(emulator.connections("chat").filter(({ online }) => online)).toHaveLength(2)
  })

  it("is not recoverable after the service closed it, and the client is told why", async () => {
    const emulator = await start()
    const { connectionId, disconnected, connected } = await connect(emulator, { groups: ["g"] })
    await serviceOf(emulator).closeConnection(connectionId, { reason: "enough" })
    expect(await disconnected.count(1)).toEqual(["enough"])
    await connected.count(2)
    expect(emulator.stats.recoveriesRefused).toBe(1)
  })

  it("ends at once, without waiting for recovery, when its client stops", async () => {
    const emulator = await start()
    const stopped = new Inbox<true>()
    const { client } = await connect(emulator)
    client.on("stopped", () => stopped.push(true))
    client.stop()
    await stopped.count(1)
    await expect.poll(() => emulator.connections("chat")).toEqual([])
  })
})

describe("what a reliable client leaves unacknowledged", () => {
  it("ends its connection for good beyond 1,000 messages", async () => {
    const emulator = await start()
    const { raw, connectionId, reconnectionToken } = await connected(emulator)
    raw.socket.terminate()
    await expect.poll(() => emulator.connections("chat")[0]?.online).toBe(false)
    const other = await connect(emulator, { roles: ["webpubsub.sendToGroup.g"] })
    for (let i = 0; i < 1_000; i++) await other.client.sendToGroup("g", "x", "text", { fireAndForget: true })
    // The answer to this one, a refusal, comes after all of those were handled.
    await other.client.sendToGroup("h", "x", "text").catch(() => {})
    expect(emulator.connections("chat").find((found) => found.connectionId === connectionId)?.unacked).toBe(1_000)
    await other.client.sendToGroup("g", "one too many", "text")
    expect(emulator.connections("chat").some((found) => found.connectionId === connectionId)).toBe(false)
    const again = await openSocket(recoveryUrl(emulator, connectionId, reconnectionToken), RELIABLE)
    expect((await again.closed).code).toBe(1008)
  })

  it("is trimmed by acknowledgements, however many messages pass", async () => {
    const emulator = await start()
    const { raw, connectionId } = await connected(emulator)
    const other = await connect(emulator, { roles: ["webpubsub.sendToGroup.g"] })
    const unacked = () => emulator.connections("chat").find((found) => found.connectionId === connectionId)?.unacked
    for (let sent = 500; sent <= 3_000; sent += 500) {
      for (let i = 0; i < 500; i++) await other.client.sendToGroup("g", "x", "text", { fireAndForget: true })
      await raw.frames.count(1 + sent)
      expect(unacked()).toBe(500)
      raw.send({ type: "sequenceAck", sequenceId: sent - 100 })
      await expect.poll(unacked).toBe(100)
      raw.send({ type: "sequenceAck", sequenceId: sent })
      await expect.poll(unacked).toBe(0)
    }
  })
})
