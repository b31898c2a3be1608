import { readFileSync } from "node:fs"
import tls from "node:tls"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { storageBlobs } from "../../adapters/blobs/azure-storage-blob/blobs.ts"
import { tablesLog } from "../../adapters/logs/azure-tables/log.ts"
import { storageQueue } from "../../adapters/queues/azure-storage-queue/queue.ts"
import { entriesOf, following, newThread } from "../../src/conformance/logCase.ts"
import { JobQueue } from "../../src/ports/JobQueue.ts"
import { hasAzurite, makeCertificate, startAzurite, storageToken, type Azurite } from "./azurite.ts"
import { openBlobs, reasonOf } from "./blobs/conform.ts"
import { openLog } from "./logs/conform.ts"

const certificate = hasAzurite() ? makeCertificate() : undefined

describe.skipIf(certificate === undefined)("the Azure Storage adapters, with a token and no key", () => {
  let azurite: Azurite
  const trusted = tls.getCACertificates("default")
  beforeAll(async () => {
    azurite = await startAzurite(certificate)
    tls.setDefaultCACertificates([...trusted, readFileSync(certificate!.cert, "utf8")])
  })
  afterAll(async () => {
    tls.setDefaultCACertificates(trusted)
    await azurite?.close()
    certificate?.remove()
  })
  /** As `@azure/identity` has them. */
  const credentialOf = (token: () => { token: string; expiresOnTimestamp: number } | null) => {
    const asked: string[] = []
    const getToken = async (scopes: string | string[]) => {
      asked.push(...[scopes].flat())
      return token()
    }
    return { asked, getToken }
  }
  const SCOPES = new Set(["https://storage.azure.com/.default"])

  it("append and read, enqueue and receive, put and get", async () => {
    const credential = credentialOf(() => storageToken())
    const { close, log } = await openLog(tablesLog({ url: azurite.urls.tables, credential }))
    const thread = newThread()
    const append = following(await Effect.runPromise(log.head(thread)), { notes: [{ key: "step/1", value: 1 }] })
    expect((await Effect.runPromise(log.append(thread, append)))._tag).toBe("Appended")
    expect(await Effect.runPromise(entriesOf(log, thread))).toEqual([append.entry])
    await close()
    expect(new Set(credential.asked)).toEqual(SCOPES)

    const forJobs = credentialOf(() => storageToken())
    const job = { thread, run: "r", epoch: 1 }
    const work = JobQueue.use((queue) =>
      Effect.andThen(queue.enqueue(job), queue.receive!({ limit: 1, visibleAfterMillis: 1_000 }))
    )
    const queue = storageQueue({ url: azurite.urls.queues, credential: forJobs, queueName: "jobs" })
    expect((await Effect.runPromise(Effect.provide(work, queue))).map((delivery) => delivery.job)).toEqual([job])
    expect(new Set(forJobs.asked)).toEqual(SCOPES)

    const forBlobs = credentialOf(() => storageToken())
    const blobs = await openBlobs(storageBlobs({ url: azurite.urls.blobs, credential: forBlobs }))
    const bytes = new Uint8Array(1_000).fill(7)
    await Effect.runPromise(blobs.put(`${thread}/1`, bytes, "image/png"))
    expect(await Effect.runPromise(blobs.get(`${thread}/1`))).toMatchObject({ bytes, mediaType: "image/png" })
    expect(new Set(forBlobs.asked)).toEqual(SCOPES)
  })

  it("say what is wrong with a token that the account does not take, and not what it is", async () => {
    const expired = storageToken(-3_600_000).token
    const credential = credentialOf(() => ({ token: expired, expiresOnTimestamp: Date.now() + 3_600_000 }))
    const { close, log } = await openLog(tablesLog({ url: azurite.urls.tables, credential }))
    const { reason } = await Effect.runPromise(Effect.flip(log.head(newThread())))
    expect([reason._tag, String((reason as { cause?: unknown }).cause)]).toEqual([
      "LogUnavailable",
      expect.stringMatching(/403/)
    ])
    await close()
    const blobs = await openBlobs(storageBlobs({ url: azurite.urls.blobs, credential }))
    const refused = await reasonOf(blobs.put("t/1", new Uint8Array(1), "image/png"))
    expect(refused).toMatchObject({ _tag: "BlobRefused", remedy: expect.stringMatching(/Storage Blob Data/) })
    expect(JSON.stringify([reason, refused]) + String((refused as { cause?: unknown }).cause)).not.toContain(expired)
  })

  it("send no token over plain HTTP", async () => {
    const credential = credentialOf(() => storageToken())
    const url = azurite.urls.tables.replace("https:", "http:")
    const { close, log } = await openLog(tablesLog({ url, credential }))
    const { reason } = await Effect.runPromise(Effect.flip(log.head(newThread())))
    expect(String((reason as { cause?: unknown }).cause)).toMatch(/non-TLS/)
    await close()
  })
})
