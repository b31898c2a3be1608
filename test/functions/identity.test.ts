/** The functions app as an app with a managed identity runs it: App Service's token endpoint, Azurite over TLS, no key. */
import { randomUUID } from "node:crypto"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { Agent as HttpsAgent } from "node:https"
import { QueueClient, StorageSharedKeyCredential } from "@azure/storage-queue"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { hasAzurite, makeCertificate, startAzurite, storageToken, type Azurite } from "../adapters/azurite.ts"
import { startHost, type Host } from "./host.ts"
import { ship, type Shipped } from "./shipped.ts"

const CLIENT = "11111111-2222-3333-4444-555555555555"
const certificate = hasAzurite() ? makeCertificate() : undefined

describe.skipIf(certificate === undefined)("the functions app with a managed identity", () => {
  let azurite: Azurite
  let shipped: Shipped
  let identities: Server
  let host: Host
  /** What was asked of the token endpoint: resource and client id. */
  const asked: [string | null, string | null][] = []
  beforeAll(async () => {
    ;[azurite, shipped] = await Promise.all([startAzurite(certificate), ship()])
    identities = createServer((request, response) => {
      const url = new URL(request.url ?? "", "http://127.0.0.1")
      if (request.headers["x-identity-header"] !== "header-of-the-app") return void response.writeHead(401).end()
      asked.push([url.searchParams.get("resource"), url.searchParams.get("client_id")])
      const { expiresOnTimestamp, token } = storageToken()
      response.setHeader("content-type", "application/json")
      response.end(
        JSON.stringify({
          access_token: token,
          expires_on: String(Math.floor(expiresOnTimestamp / 1000)),
          resource: url.searchParams.get("resource"),
          token_type: "Bearer"
        })
      )
    }).listen(0, "127.0.0.1")
    await once(identities, "listening")
    host = await startHost({
      folder: shipped.folder,
      settings: {
        IDENTITY_ENDPOINT: `http://127.0.0.1:${(identities.address() as AddressInfo).port}/msi/token`,
        IDENTITY_HEADER: "header-of-the-app",
        NODE_EXTRA_CA_CERTS: certificate!.cert,
        AzureWebJobsStorage__tableServiceUri: azurite.urls.tables,
        AzureWebJobsStorage__queueServiceUri: azurite.urls.queues,
        AzureWebJobsStorage__blobServiceUri: azurite.urls.blobs,
        AzureWebJobsStorage__credential: "managedidentity",
        AzureWebJobsStorage__clientId: CLIENT,
        // nothing listens there: what is published is lost, and the log has it
        WebPubSubConnectionString__serviceUri: "https://127.0.0.1:9",
        THROUGHLINE_SECRET: randomUUID() + randomUUID(),
        THROUGHLINE_ACCESS: "development",
        AZURE_FUNCTIONS_ENVIRONMENT: "Development"
      }
    })
  })
  afterAll(async () => {
    await host?.close()
    identities?.close()
    await azurite?.close()
    shipped?.remove()
    certificate?.remove()
  })

  it("loads and asks nothing of an identity at a cold start", async () => {
    expect((await host.loaded()).files).toEqual(["dist/app.cjs"])
    expect(asked).toEqual([])
  })

  it("takes a run, puts its job into the queue and works on it", async () => {
    const id = randomUUID()
    const started = await fetch(`${host.url}/api/threads/t1/runs`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ id, agent: "summarise", input: { text: "Tides rise. Tides fall again.", sentences: 1 } })
    })
    expect([started.status, await started.json()]).toMatchObject([200, { ok: true }])
    expect((await host.loaded()).files).toEqual(["dist/app.cjs", "dist/backend.cjs", "dist/identity.cjs"])
    expect(asked).toContainEqual(["https://storage.azure.com", CLIENT])

    const [, account = "", key = ""] = /AccountName=([^;]+);AccountKey=([^;]+)/.exec(azurite.connectionString) ?? []
    const queue = new QueueClient(
      `${azurite.urls.queues}/throughline-jobs`,
      new StorageSharedKeyCredential(account, key),
      { agent: new HttpsAgent({ ca: readFileSync(certificate!.cert) }) } as object
    )
    const [message] = (await queue.receiveMessages()).receivedMessageItems
    expect((await host.deliver("work", message?.messageText ?? "")).error).toBeUndefined()
    const view = (await (await fetch(`${host.url}/api/threads/t1/view`)).json()) as { view?: { runs?: unknown[] } }
    expect(JSON.stringify(view)).toContain('"completed"')
  }, 60_000)
})
