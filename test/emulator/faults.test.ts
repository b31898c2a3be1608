import { afterEach, describe, expect, it } from "vitest"
import { connect, JSON_V1, openSocket, rawUrl, release, RELIABLE, serviceOf, start } from "./parties.ts"
import type { Emulator } from "../../src/emulator/emulator.ts"
import { bearer } from "./signing.ts"

afterEach(release)

const send = async (emulator: Emulator, body: string): Promise<Response> => {
  const url = `${emulator.url}/api/hubs/chat/groups/g/:send`
  const headers = { "Content-Type": "text/plain", Authorization: bearer(emulator.accessKey, { aud: url }) }
  return fetch(url, { method: "POST", body, headers })
}

describe("injected faults", () => {
  it("drop frames for good, and stop when they are turned off", async () => {
    const emulator = await start()
    const { received } = await connect(emulator, { groups: ["g"] })
    emulator.faults.dropFrames = 1
    await send(emulator, "lost")
    emulator.faults.dropFrames = 0
    await send(emulator, "kept")
    expect(await received.count(1)).toEqual(["kept"])
  })

  it("duplicate frames", async () => {
    const emulator = await start()
    const { received } = await connect(emulator, { groups: ["g"] })
    emulator.faults.duplicateFrames = 1
    await send(emulator, "a")
    await send(emulator, "b")
    expect(await received.count(4)).toEqual(["a", "a", "b", "b"])
  })

  it("reorder frames, losing none, not even the last", async () => {
    const emulator = await start()
    const { received } = await connect(emulator, { groups: ["g"] })
    emulator.faults.reorderFrames = 1
    for (const body of ["1", "2", "3"]) await send(emulator, body)
    expect(await received.count(3)).toEqual(["2", "1", "3"])
  })

  it("answer REST with 503 or 429 and do nothing; the SDK retries a 429 only with Retry-After", async () => {
    const emulator = await start()
    const { received } = await connect(emulator, { groups: ["g"] })
    const service = serviceOf(emulator)
    Object.assign(emulator.faults, { rest429: 1 })
    await expect(service.group("g").sendToAll("x")).rejects.toMatchObject({ statusCode: 429, code: "TooManyRequests" })
    expect(emulator.stats.restCalls).toBe(1)
    Object.assign(emulator.faults, { retryAfterSeconds: 0 })
    expect((await send(emulator, "x")).headers.get("retry-after")).toBe("0")
    Object.assign(emulator.faults, { rest429: 0, rest503: 1 })
    expect((await send(emulator, "x")).status).toBe(503)
    Object.assign(emulator.faults, { rest503: 0 })
    await send(emulator, "end")
    expect(await received.count(1)).toEqual(["end"])
  })

  it("reset a call before or after it was done: the SDK's own retry then delivers twice", async () => {
    const emulator = await start()
    const { received } = await connect(emulator, { groups: ["g"] })
    emulator.faults.resetBeforeDelivery = 1
    await expect(send(emulator, "never")).rejects.toThrow("fetch failed")
    emulator.faults.resetBeforeDelivery = 0
    let resets = 1
    emulator.faults.random = () => (resets-- > 0 ? 0 : 1)
    emulator.faults.resetAfterDelivery = 0.5
    await serviceOf(emulator).group("g").sendToAll("twice")
    expect(await received.count(2)).toEqual(["twice", "twice"])
  })

  it("delay REST and refuse connections", async () => {
    const emulator = await start()
    emulator.faults.restDelayMillis = 30
    const before = performance.now()
    await send(emulator, "x")
    expect(performance.now() - before).toBeGreaterThan(29)
    emulator.faults.refuseConnections = 1
    await expect(openSocket(await rawUrl(emulator), RELIABLE)).rejects.toThrow("refused with 503")
  })

  it("freeze a connection: it stays open and nothing passes until it is cut", async () => {
    const emulator = await start()
    const raw = await openSocket(await rawUrl(emulator, { groups: ["g"] }), RELIABLE)
    await raw.frames.count(1)
    expect(emulator.freeze()).toBe(1)
    await send(emulator, "x")
    raw.send({ type: "ping" })
    expect(raw.socket.readyState).toBe(raw.socket.OPEN)
    expect(emulator.cut()).toBe(1)
    expect((await raw.closed).code).toBe(1006)
    expect(raw.frames.items).toHaveLength(1)
  })

  it("freeze and cut a connection of Azure's client, which then recovers with nothing lost", async () => {
    const emulator = await start()
    const { received, connected } = await connect(emulator, { groups: ["g"] })
    emulator.freeze()
    await send(emulator, "1")
    emulator.cut()
    await send(emulator, "2")
    expect(await received.count(2)).toEqual(["1", "2"])
    expect(connected.items).toHaveLength(1)
  })

  it("end a frozen connection of the plain protocol when it is cut", async () => {
    const emulator = await start()
    const raw = await openSocket(await rawUrl(emulator), JSON_V1)
    await raw.frames.count(1)
    emulator.freeze()
    raw.send({ type: "ping" })
    emulator.cut()
    await expect.poll(() => emulator.connections("chat")).toEqual([])
  })

  it("forget a connection, so that its recovery is refused", async () => {
    const emulator = await start()
    const { connected, connectionId } = await connect(emulator)
    expect(emulator.forget()).toBe(1)
    const [, fresh] = await connected.count(2)
    expect(fresh).not.toBe(connectionId)
    expect(emulator.stats.recoveriesRefused).toBe(1)
  })
})
