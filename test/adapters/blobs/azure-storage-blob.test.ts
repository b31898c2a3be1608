import { BlobServiceClient } from "@azure/storage-blob"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { storageBlobs } from "../../../adapters/blobs/azure-storage-blob/blobs.ts"
import { nameOf } from "../../../adapters/blobs/azure-storage-blob/names.ts"
import { hasAzurite, startAzurite, type Azurite } from "../azurite.ts"
import { startProxy, type Proxy } from "../proxy.ts"
import { conforms, openBlobs, reasonOf } from "./conform.ts"

const TEXT = "text/plain"
const bytes = new TextEncoder().encode("x".repeat(1_000))

describe.skipIf(!hasAzurite())("the Azure blob store, on Azurite", () => {
  let azurite: Azurite
  let service: BlobServiceClient
  beforeAll(async () => {
    azurite = await startAzurite()
    service = BlobServiceClient.fromConnectionString(azurite.connectionString)
  })
  afterAll(() => azurite?.close())

  describe("conforms", () => {
    conforms(
      () => storageBlobs({ connectionString: azurite.connectionString, container: "conformance", maxBytes: 2_000_000 }),
      async (key) => {
        const blob = service.getContainerClient("conformance").getBlockBlobClient(nameOf(key))
        const { contentType, metadata = {} } = await blob.getProperties()
        const content = await blob.downloadToBuffer()
        content[0]! ^= 1
        await blob.upload(content, content.length, {
          metadata,
          ...(contentType === undefined ? {} : { blobHTTPHeaders: { blobContentType: contentType } })
        })
      }
    )
  })

  it("makes its container at the first put, and misses nothing before", async () => {
    const store = await openBlobs(storageBlobs({ connectionString: azurite.connectionString, container: "made-late" }))
    expect(await Effect.runPromise(store.get("t/1"))).toBeUndefined()
    await Effect.runPromise(Effect.andThen(store.erase("t/1"), store.eraseAll("t/")))
    expect(await service.getContainerClient("made-late").exists()).toBe(false)
    await Effect.runPromise(store.put("t/1", bytes, TEXT))
    expect((await Effect.runPromise(store.get("t/1")))?.bytes).toEqual(bytes)
  })
  it("knows a blob that it did not put, and reads none that is larger than it accepts", async () => {
    const options = { connectionString: azurite.connectionString, container: "strangers" }
    const [store, small] = await Promise.all([
      openBlobs(storageBlobs(options)),
      openBlobs(storageBlobs({ ...options, maxBytes: 10 }))
    ])
    await Effect.runPromise(store.put("t/1", bytes, TEXT))
    expect(await reasonOf(small.get("t/1"))).toMatchObject({ _tag: "BlobTooLarge", sizeBytes: 1_000, limitBytes: 10 })
    await service.getContainerClient("strangers").getBlockBlobClient(nameOf("t/2")).upload("{}", 2)
    expect(await reasonOf(store.get("t/2"))).toMatchObject({ _tag: "BlobCorrupt" })
  })
  it("erases more than one page lists", async () => {
    const store = await openBlobs(storageBlobs({ connectionString: azurite.connectionString, container: "pages" }))
    const puts = Array.from({ length: 130 }, (_, n) => store.put(`t/a/${n}`, bytes.subarray(0, 1), TEXT))
    await Effect.runPromise(Effect.all(puts, { concurrency: 32 }))
    await Effect.runPromise(store.put("t/b", bytes, TEXT))
    await Effect.runPromise(store.eraseAll("t/a/"))
    const left: string[] = []
    for await (const { name } of service.getContainerClient("pages").listBlobsFlat()) left.push(name)
    expect(left).toEqual(["t/b"])
  }, 60_000)

  describe("when the service or the network fails", () => {
    let proxy: Proxy
    let store: Awaited<ReturnType<typeof openBlobs>>
    beforeAll(async () => {
      const endpoint = /BlobEndpoint=(http:\/\/[^/]+)/.exec(azurite.connectionString)![1]!
      proxy = await startProxy(endpoint)
      const connectionString = azurite.connectionString.replace(endpoint, proxy.url)
      store = await openBlobs(storageBlobs({ connectionString, container: "faults", timeoutMillis: 1_500 }))
      await Effect.runPromise(store.put("t/1", bytes, TEXT))
    })
    afterAll(() => proxy?.close())

    it("puts and gets with one request each", async () => {
      const before = proxy.seen.requests
      await Effect.runPromise(store.put("t/1", bytes, TEXT))
      await Effect.runPromise(store.get("t/1"))
      expect(proxy.seen.requests - before).toBe(2)
    })
    it("gets over one fault by itself", async () => {
      for (const fault of ["throttle", "lose-request", "lose-answer"] as const) {
        proxy.faults.push(fault)
        await Effect.runPromise(store.put("t/once", bytes, TEXT))
        proxy.faults.push(fault)
        expect((await Effect.runPromise(store.get("t/once")))?.bytes).toEqual(bytes)
      }
      expect(proxy.faults).toEqual([])
    })
    it("says that asking again helps, and when", async () => {
      for (const [fault, expected] of [
        ["throttle", { _tag: "BlobUnavailable", retryAfterMillis: 1_000 }],
        ["too-many", { _tag: "BlobUnavailable" }],
        ["hang", { _tag: "BlobUnavailable" }],
        ["lose-answer", { _tag: "BlobUnavailable" }]
      ] as const) {
        proxy.faults.push(fault, fault)
        expect(await reasonOf(store.get("t/1"))).toMatchObject(expected)
        proxy.faults.length = 0
      }
      await proxy.close()
      expect(await reasonOf(store.put("t/1", bytes, TEXT))).toMatchObject({ _tag: "BlobUnavailable" })
    })
    it("says that asking again does not help, what does, and no secret", async () => {
      const wrong = azurite.connectionString.replace(/AccountKey=[^;]+/, "AccountKey=d3Jvbmcta2V5LWNhbmFyeQ==")
      const refused = await openBlobs(storageBlobs({ connectionString: wrong, container: "faults" }))
      const reason = await reasonOf(refused.put("t/1", bytes, TEXT))
      expect(reason).toMatchObject({ _tag: "BlobRefused", remedy: expect.stringMatching(/connectionString/) })
      expect(JSON.stringify(reason) + String((reason as { cause?: unknown }).cause)).not.toMatch(/d3Jvbmc|SharedKey/)
    })
  })
})

describe("the Azure blob store's settings", () => {
  const credential = { getToken: async () => null }
  it.each([
    ["connectionString", { connectionString: "canary" }],
    ["connectionString", { connectionString: "AccountName=canary;AccountKey=;" }],
    ["url", { url: "canary", credential }],
    ["url", { url: "ftp://canary", credential }],
    ["container", { connectionString: "UseDevelopmentStorage=true", container: "Canary" }],
    ["container", { connectionString: "UseDevelopmentStorage=true", container: "canary--x" }],
    ["container", { connectionString: "UseDevelopmentStorage=true", container: "ca" }],
    ["maxBytes", { connectionString: "UseDevelopmentStorage=true", maxBytes: 0 }],
    ["timeoutMillis", { connectionString: "UseDevelopmentStorage=true", timeoutMillis: Number.NaN }]
  ])("are refused by the name of %s", (name, options) => {
    expect(() => storageBlobs(options)).toThrow(new RegExp(`^${name} must`))
    expect(() => storageBlobs(options)).not.toThrow(/canary/i)
  })
})
