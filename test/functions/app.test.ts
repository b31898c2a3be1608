import { createHmac } from "node:crypto"
import { readFileSync } from "node:fs"
import { builtinModules } from "node:module"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { startHost, type Host } from "./host.ts"
import { isIgnored, ship, type Shipped } from "./shipped.ts"

const builtIn = (name: string) => name.startsWith("node:") || builtinModules.includes(name)
/** Faster native parts that `ws` tries to load and does without. */
const OPTIONAL = ["bufferutil", "utf-8-validate"]

let shipped: Shipped
beforeAll(async () => void (shipped = await ship()))
afterAll(() => shipped.remove())

describe("what is shipped", () => {
  it("is the four bundles, their manifest and the host's settings, and nothing else", () => {
    expect(shipped.files).toEqual([
      "dist/app.cjs",
      "dist/backend.cjs",
      "dist/blobs.cjs",
      "dist/identity.cjs",
      "host.json",
      "package.json"
    ])
  })

  it("holds no log and no queue that a deployed app must not use", () => {
    const inputs = [...shipped.bundles.app.inputs, ...shipped.bundles.backend.inputs]
    expect(inputs.filter((path) => /adapters\/(blobs|logs|queues)\/azure-/.test(path))).not.toEqual([])
    expect(
      inputs.filter((path) =>
        /adapters\/[^/]+\/(memory|sqlite|files|ws)\/|src\/(emulator|testing|conformance|cli)\//.test(path)
      )
    ).toEqual([])
    const text = ["app", "backend"]
      .map((name) => readFileSync(join(shipped.folder, "dist", `${name}.cjs`), "utf8"))
      .join("\n")
    expect(text).not.toMatch(/node:sqlite/)
  })

  it("loads nothing from outside but Node's own modules and the host's", () => {
    const { app, backend, blobs, identity } = shipped.bundles
    expect(app.outside.filter((name) => !builtIn(name)).sort()).toEqual(["./backend.cjs", "@azure/functions-core"])
    expect(backend.outside.filter((name) => !builtIn(name) && !OPTIONAL.includes(name)).sort()).toEqual([
      "./blobs.cjs",
      "./identity.cjs"
    ])
    expect([...blobs.outside, ...identity.outside].filter((name) => !builtIn(name))).toEqual([])
  })

  it("keeps blobs and what makes an identity's tokens out of what other calls load", () => {
    const { app, backend, blobs, identity } = shipped.bundles
    const late = (path: string) => /node_modules\/@azure\/(identity|msal-|storage-blob)/.test(path)
    expect(identity.inputs.filter(late)).not.toEqual([])
    expect(blobs.inputs.filter(late)).not.toEqual([])
    expect([...app.inputs, ...backend.inputs].filter(late)).toEqual([])
  })

  it("keeps the backend and the vendors' libraries out of what a cold start loads", () => {
    const { inputs } = shipped.bundles.app
    expect(
      inputs.filter((path) => /node_modules\/(effect|jose|ws)\/|node_modules\/@azure\/(?!functions)/.test(path))
    ).toEqual([])
  })

  it("has no dependencies to install and nothing that a remote build would run", () => {
    const manifest = JSON.parse(readFileSync(join(shipped.folder, "package.json"), "utf8")) as Record<string, unknown>
    expect(manifest).toEqual({ name: "throughline-functions", private: true, type: "module", main: "dist/app.cjs" })
  })
})

describe("the host's settings", () => {
  it("deliver jobs as the queue adapter writes them, within a second", () => {
    const { extensions } = JSON.parse(readFileSync(join(shipped.folder, "host.json"), "utf8")) as {
      extensions: unknown
    }
    expect(extensions).toMatchObject({ queues: { messageEncoding: "none", maxPollingInterval: "00:00:01" } })
  })
})

describe("the ignore rules", () => {
  it("are those of gitignore", () => {
    const lines = ["# note", "*.ts", "!keep.ts", "only/", "/top.md", "a/*.map"]
    const ignored = (path: string, isFolder = false) => isIgnored(lines, path, isFolder)
    expect([ignored("x.ts"), ignored("deep/x.ts"), ignored("keep.ts"), ignored("x.js")]).toEqual([
      true,
      true,
      false,
      false
    ])
    expect([ignored("only"), ignored("only", true), ignored("top.md"), ignored("deep/top.md")]).toEqual([
      false,
      true,
      true,
      false
    ])
    expect([ignored("a/b.map"), ignored("b.map")]).toEqual([true, false])
  })
})

const CONNECTION = "Endpoint=http://127.0.0.1:9;AccessKey=canary-access-key-0123456789;Version=1.0;"
const STORAGE =
  "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=Y2FuYXJ5LXN0b3JhZ2Uta2V5;TableEndpoint=http://127.0.0.1:9/a;QueueEndpoint=http://127.0.0.1:9/a;"
/** The keys above, as text or base64, and what signs a request. */
const SECRET = /canary|Y2FuYXJ5|SharedKey/
const STACK = /\bat .+:\d+:\d+/
const complete = {
  WebPubSubConnectionString: CONNECTION,
  AzureWebJobsStorage: STORAGE,
  THROUGHLINE_ACCESS: "development",
  AZURE_FUNCTIONS_ENVIRONMENT: "Development"
}
const identity = {
  WebPubSubConnectionString__serviceUri: "https://canary.webpubsub.azure.com",
  AzureWebJobsStorage__accountName: "canaryaccount",
  THROUGHLINE_SECRET: "canary-secret-0123456789-0123456789",
  THROUGHLINE_ACCESS: "development",
  AZURE_FUNCTIONS_ENVIRONMENT: "Development"
}

describe("the app", () => {
  const hosts: Host[] = []
  const start = async (settings: Readonly<Record<string, string>>) => {
    const host = await startHost({ folder: shipped.folder, settings })
    hosts.push(host)
    return host
  }
  afterEach(async () => {
    for (const host of hosts.splice(0)) await host.close()
  })

  it("registers its four functions without a single setting", async () => {
    const { files, functions, required, warnings } = await (await start({})).loaded()
    expect(files).toEqual(["dist/app.cjs"])
    const bindings = Object.fromEntries(
      functions.map(({ name, bindings: all }) => [
        name,
        Object.values(all).find(({ type }) => type.endsWith("Trigger"))
      ])
    )
    expect(bindings).toMatchObject({
      threads: {
        type: "httpTrigger",
        route: "threads/{thread}/{resource}",
        methods: ["GET", "POST", "OPTIONS"],
        authLevel: "anonymous"
      },
      upstream: {
        type: "httpTrigger",
        route: "upstream/{gateway}",
        methods: ["POST", "OPTIONS"],
        authLevel: "function"
      },
      work: { type: "queueTrigger", queueName: "throughline-jobs", connection: "AzureWebJobsStorage" },
      sweep: { type: "timerTrigger", schedule: "*/15 * * * * *" }
    })
    expect(functions).toHaveLength(4)
    expect(warnings).toEqual([])
    expect(required.filter((name) => !builtIn(name) && !name.startsWith(shipped.folder))).toEqual([])
  })

  it("takes another queue's name from its settings", async () => {
    const { functions } = await (await start({ THROUGHLINE_QUEUE: "other-jobs" })).loaded()
    const work = functions.find(({ name }) => name === "work")
    expect(Object.values(work?.bindings ?? {})).toMatchObject([{ type: "queueTrigger", queueName: "other-jobs" }])
  })

  const without = (name: string, settings: Readonly<Record<string, string>> = complete) =>
    Object.fromEntries(Object.entries(settings).filter(([key]) => key !== name))
  const cases: readonly (readonly [string, Readonly<Record<string, string>>, RegExp])[] = [
    ["no WebPubSubConnectionString", without("WebPubSubConnectionString"), /WebPubSubConnectionString is missing/],
    [
      "a wrong WebPubSubConnectionString",
      { ...complete, WebPubSubConnectionString: "x" },
      /WebPubSubConnectionString is not right/
    ],
    [
      "a wrong WebPubSubOtherConnectionString",
      { ...complete, WebPubSubOtherConnectionString: "canary" },
      /WebPubSubOtherConnectionString is not right/
    ],
    [
      "the other key of another resource",
      { ...complete, WebPubSubOtherConnectionString: CONNECTION.replace("127.0.0.1", "127.0.0.2") },
      /otherConnectionString must be of the same service/
    ],
    ["a wrong WebPubSubHub", { ...complete, WebPubSubHub: "1" }, /WebPubSubHub is not right/],
    ["no AzureWebJobsStorage", without("AzureWebJobsStorage"), /AzureWebJobsStorage is missing/],
    [
      "a wrong AzureWebJobsStorage",
      { ...complete, AzureWebJobsStorage: "canary-x" },
      /AzureWebJobsStorage is not right/
    ],
    ["no THROUGHLINE_ACCESS", without("THROUGHLINE_ACCESS"), /THROUGHLINE_ACCESS is missing/],
    [
      "an unknown THROUGHLINE_ACCESS",
      { ...complete, THROUGHLINE_ACCESS: "everyone" },
      /THROUGHLINE_ACCESS is not right/
    ],
    ["development outside Development", without("AZURE_FUNCTIONS_ENVIRONMENT"), /THROUGHLINE_ACCESS is development/],
    [
      "a wrong THROUGHLINE_CONTAINER",
      { ...complete, THROUGHLINE_CONTAINER: "Canary" },
      /THROUGHLINE_CONTAINER is not right/
    ],
    ["a wrong THROUGHLINE_QUEUE", { ...complete, THROUGHLINE_QUEUE: "Canary" }, /THROUGHLINE_QUEUE is not right/],
    ["an identity without a secret", without("THROUGHLINE_SECRET", identity), /THROUGHLINE_SECRET is missing/],
    [
      "an identity with a short secret",
      { ...identity, THROUGHLINE_SECRET: "canary" },
      /THROUGHLINE_SECRET is not right/
    ],
    [
      "an identity with a short other secret",
      { ...identity, THROUGHLINE_OTHER_SECRET: "canary" },
      /THROUGHLINE_OTHER_SECRET is not right/
    ],
    [
      "a wrong WebPubSubConnectionString__serviceUri",
      { ...identity, WebPubSubConnectionString__serviceUri: "http://canary" },
      /WebPubSubConnectionString__serviceUri is not right/
    ],
    [
      "a wrong AzureWebJobsStorage__accountName",
      { ...identity, AzureWebJobsStorage__accountName: "canary-name" },
      /AzureWebJobsStorage__accountName is not right/
    ],
    [
      "one storage service of three",
      {
        ...without("AzureWebJobsStorage__accountName", identity),
        AzureWebJobsStorage__queueServiceUri: "https://canary"
      },
      /AzureWebJobsStorage__tableServiceUri is missing/
    ],
    [
      "a wrong AzureWebJobsStorage__clientId",
      { ...identity, AzureWebJobsStorage__clientId: "canary" },
      /AzureWebJobsStorage__clientId is not right/
    ],
    [
      "another AzureWebJobsStorage__credential",
      { ...identity, AzureWebJobsStorage__credential: "canary" },
      /AzureWebJobsStorage__credential is not right/
    ],
    ["easy-auth that is off", { ...complete, THROUGHLINE_ACCESS: "easy-auth" }, /THROUGHLINE_ACCESS is easy-auth/]
  ]
  it.each(cases)("with %s lets nobody in, and its log names the setting", async (_case, settings, expected) => {
    const host = await start(settings)
    const response = await fetch(`${host.url}/api/threads/t1/view`)
    expect(response.status).toBe(500)
    const body = await response.text()
    expect(JSON.parse(body)).toMatchObject({ ok: false, error: { code: "INTERNAL", retryable: false } })
    expect(host.logs.join("\n")).toMatch(expected)
    for (const answer of [await host.deliver("work", "{}"), await host.runTimer("sweep")])
      expect(answer.error).toMatch(expected)
    expect(body + host.logs.join("\n") + host.output()).not.toMatch(SECRET)
    expect(body).not.toMatch(STACK)
  })

  it("hears the gateway by either key of its resource", async () => {
    const otherKey = "canary-other-key-0123456789"
    const host = await start({
      ...complete,
      WebPubSubOtherConnectionString: CONNECTION.replace(/AccessKey=[^;]*/, `AccessKey=${otherKey}`)
    })
    // past the signature it asks for the event's time, which is not there
    const hear = async (key: string) => {
      const answer = await fetch(`${host.url}/api/upstream/azure-web-pubsub?code=${host.functionKey}`, {
        method: "POST",
        headers: {
          "ce-connectionid": "c1",
          "ce-signature": `sha256=${createHmac("sha256", key).update("c1").digest("hex")}`
        }
      })
      return ((await answer.json()) as { readonly error: { readonly code: string } }).error.code
    }
    expect([
      await hear("canary-access-key-0123456789"),
      await hear(otherKey),
      await hear("canary-forged-key-0123456789")
    ]).toEqual(["WEBHOOK_REPLAYED", "WEBHOOK_REPLAYED", "WEBHOOK_BAD_SIGNATURE"])
  })

  it("with a store that is away answers without a stack or a secret, and its log names the cause", async () => {
    const host = await start(complete)
    const response = await fetch(`${host.url}/api/threads/t1/view`)
    const body = await response.text()
    expect([response.status, JSON.parse(body)]).toMatchObject([
      503,
      { ok: false, error: { code: "STORE_UNAVAILABLE" } }
    ])
    expect(body).not.toMatch(STACK)
    expect((await host.runTimer("sweep")).error).toMatch(/log did not answer/)
    expect(host.logs.join("\n") + host.output()).toMatch(/ECONNREFUSED/)
    expect((await host.loaded()).files).toEqual(["dist/app.cjs", "dist/backend.cjs"])
    expect(body + host.logs.join("\n") + host.output()).not.toMatch(SECRET)
  })
})
