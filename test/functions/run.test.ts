import { randomUUID } from "node:crypto"
import { QueueClient } from "@azure/storage-queue"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { azureWebPubSubClient } from "../../adapters/gateways/azure-web-pubsub/client.ts"
import { openThread, type Thread, type View, type ViewRun } from "../../src/client/index.ts"
import { startEmulator, type Emulator } from "../../src/emulator/index.ts"
import { hasAzurite, startAzurite, type Azurite } from "../adapters/azurite.ts"
import { startHost, type Host } from "./host.ts"
import { startPipe, type Pipe } from "./pipe.ts"
import { ship, type Shipped } from "./shipped.ts"

const HUB = "agents"
const QUEUE = "throughline-jobs"
const TEXT = `Tides rise and fall. The moon pulls the water of the ocean. The ocean water follows the moon around the earth.
Fishermen know the tides. Some people like cake. The ocean tides turn twice each day because the earth turns.`

let azurite: Azurite
let pipe: Pipe
let emulator: Emulator
let shipped: Shipped
/** The one storage account, reached through the pipe by the app and directly by the host. */
let storage: string
let queue: QueueClient

/** The app as it is deployed, with the gateway's events coming to it. */
const startApp = (settings: Readonly<Record<string, string>>): Promise<Host> =>
  startHost({
    folder: shipped.folder,
    settings: { AzureWebJobsStorage: storage, WebPubSubConnectionString: emulator.connectionString, ...settings }
  })
const eventHandler = (host: Host, code = host.functionKey) => ({
  urlTemplate: `${host.url}/api/upstream/azure-web-pubsub?code=${code}`,
  userEventPattern: "*",
  systemEvents: ["connect", "connected", "disconnected"] as const
})
const until = (thread: Thread, holds: (view: View) => boolean, what: string): Promise<View> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      stop()
      reject(new Error(`waited in vain for ${what}: ${JSON.stringify(thread.state)}`))
    }, 20_000)
    let stop = (): void => {}
    stop = thread.subscribe((view) => {
      if (!holds(view)) return
      clearTimeout(timer)
      queueMicrotask(() => stop())
      resolve(view)
    })
  })
const runOf = (view: View, id: string): ViewRun | undefined => view.runs.find((run) => run.id === id)
const finished = (thread: Thread, id: string) =>
  until(thread, (view) => runOf(view, id)?.state === "finished", `the end of ${id}`)
const textOf = (view: View, run: string): string =>
  view.messages
    .filter((message) => message.run === run)
    .flatMap(({ parts }) => parts.map((part) => (part.type === "text" ? part.text : "")))
    .join("")

describe.skipIf(!hasAzurite())("the functions app, on emulator and Azurite", () => {
  beforeAll(async () => {
    ;[azurite, emulator, shipped] = await Promise.all([startAzurite(), startEmulator(), ship()])
    const tablePort = Number(/TableEndpoint=http:\/\/127\.0\.0\.1:(\d+)/.exec(azurite.connectionString)?.[1])
    pipe = await startPipe(tablePort)
    storage = azurite.connectionString.replace(/(TableEndpoint=http:\/\/127\.0\.0\.1:)\d+/, `$1${pipe.port}`)
    queue = new QueueClient(storage, QUEUE)
  })
  afterAll(async () => {
    await emulator?.close()
    await pipe?.close()
    await azurite?.close()
    shipped?.remove()
  })

  describe("on a developer's machine", () => {
    let host: Host
    const opened: { readonly close: () => void }[] = []
    beforeAll(async () => {
      host = await startApp({
        THROUGHLINE_ACCESS: "development",
        AZURE_FUNCTIONS_ENVIRONMENT: "Development",
        THROUGHLINE_ORIGINS: "https://other.example, https://app.example.com"
      })
      await emulator.setEventHandlers(HUB, [eventHandler(host)])
    })
    afterEach(() => {
      pipe.faults.delayMillis = 0
      for (const one of opened.splice(0).reverse()) one.close()
    })
    afterAll(() => host?.close())
    const open = (name: string = randomUUID()): Thread => {
      const thread = openThread({ endpoint: `${host.url}/api`, thread: name, gateways: [azureWebPubSubClient()] })
      opened.push(thread)
      return thread
    }
    const start = async (thread: Thread, sentences = 2) => {
      const started = await thread.start("summarise", { text: TEXT, sentences })
      if (!started.ok) throw new Error(started.error.message)
      return started.run
    }
    /** Takes one message out of the queue, as a test that stands in for the host. */
    const take = async (): Promise<string> => {
      for (;;) {
        const { receivedMessageItems } = await queue.receiveMessages({ visibilityTimeout: 30 })
        const [message] = receivedMessageItems
        if (message === undefined) continue
        await queue.deleteMessage(message.messageId, message.popReceipt)
        return message.messageText
      }
    }

    it("answers a start over HTTP, works on it from the queue, and shows it over the gateway", async () => {
      const thread = open()
      await until(thread, () => thread.connection === "live", "a live connection")
      const working = host.startQueue("work")
      const run = await start(thread)
      const view = await finished(thread, run)
      expect(runOf(view, run)).toMatchObject({
        agent: "summarise",
        epoch: 1,
        by: "developer",
        outcome: { type: "completed" }
      })
      expect(textOf(view, run)).toBe(
        "The moon pulls the water of the ocean. The ocean water follows the moon around the earth. "
      )
      expect(view.messages.flatMap(({ parts }) => parts).filter(({ type }) => type === "tool")).toMatchObject([
        { name: "rank", state: "done", outcome: { type: "ok" } }
      ])
      expect(thread.counters).toMatchObject({ badFrames: 0 })
      await working.stop()
      expect((await queue.getProperties()).approximateMessagesCount).toBe(0)
    })

    it("ends a run that works, when a cancel comes over the socket", async () => {
      const thread = open()
      await until(thread, () => thread.connection === "live", "a live connection")
      // every request to the store takes its time, so that the run is still there to be stopped
      pipe.faults.delayMillis = 250
      const working = host.startQueue("work")
      const run = await start(thread)
      await until(thread, (view) => runOf(view, run)?.state === "running", "a running run")
      const before = host.requests.length
      const cancelled = await thread.cancel(run)
      expect(cancelled).toMatchObject({ ok: true })
      expect(runOf(await finished(thread, run), run)).toMatchObject({ outcome: { type: "cancelled" } })
      const sent = host.requests.slice(before).filter((line) => line.startsWith("POST"))
      expect(sent).toContain("POST /api/upstream/azure-web-pubsub")
      expect(sent.filter((line) => line.endsWith("/interrupts"))).toEqual([])
      await working.stop()
    })

    it("takes nothing with a message that is doubled, foreign or no JSON", async () => {
      const thread = open()
      const run = await start(thread)
      const message = await take()
      expect(await host.deliver("work", message)).toMatchObject({ returnValue: null })
      const { offset } = await finished(thread, run)
      for (const text of [
        message,
        "not JSON",
        "{}",
        "[]",
        "null",
        '"text"',
        JSON.stringify({ thread: "main/x", run: "y", epoch: 1 })
      ]) {
        const answer = await host.deliver("work", text)
        expect([text, answer.error]).toEqual([text, undefined])
      }
      const tail = await fetch(`${host.url}/api/threads/${thread.thread}/entries?after=${offset}`)
      expect([tail.status, await tail.json()]).toMatchObject([200, { entries: [] }])
    })

    it("is started by one of two workers that get the same message at once", async () => {
      const thread = open()
      const run = await start(thread)
      const message = await take()
      await Promise.all([host.deliver("work", message), host.deliver("work", message)])
      const view = await finished(thread, run)
      expect(runOf(view, run)).toMatchObject({ epoch: 1, outcome: { type: "completed" } })
      expect(view.messages.flatMap(({ parts }) => parts).filter(({ type }) => type === "tool")).toHaveLength(1)
    })

    it("keeps a message that it could not work on, and works on it when the store is back", async () => {
      const thread = open()
      await until(thread, () => thread.connection === "live", "a live connection")
      const run = await start(thread)
      pipe.shut()
      const working = host.startQueue("work")
      try {
        await expect.poll(() => working.failures.length, { timeout: 25_000 }).toBeGreaterThan(0)
        pipe.open()
        expect(runOf(await finished(thread, run), run)).toMatchObject({ epoch: 1, outcome: { type: "completed" } })
        expect(working.failures.join("\n")).not.toMatch(/AccountKey|SharedKey/)
      } finally {
        pipe.open()
        await working.stop()
      }
    }, 60_000)

    it("makes a lost message good with the timer", async () => {
      const thread = open()
      const run = await start(thread)
      await take()
      // the run's time to be taken has to pass; the host's timer would come every 15 s
      for (let jobs = 0; jobs === 0; jobs = (await queue.getProperties()).approximateMessagesCount ?? 0) {
        expect((await host.runTimer("sweep")).error).toBeUndefined()
        await new Promise((resolve) => setTimeout(resolve, 500))
      }
      const working = host.startQueue("work")
      expect(runOf(await finished(thread, run), run)).toMatchObject({ outcome: { type: "completed" } })
      await working.stop()
    }, 40_000)

    it("puts away a message that no handler can work on, and the log makes the run good when one can", async () => {
      const thread = open()
      const run = await start(thread)
      // a deployment without one of its settings: every call of it fails
      const broken = await startApp({ AZURE_FUNCTIONS_ENVIRONMENT: "Development" })
      const poison = new QueueClient(storage, `${QUEUE}-poison`)
      try {
        const failing = broken.startQueue("work", true)
        await expect
          .poll(async () => (await poison.exists()) && (await poison.peekMessages()).peekedMessageItems.length, {
            timeout: 20_000
          })
          .toBe(1)
        await failing.stop()
        expect(failing.failures).toHaveLength(10)
        expect(new Set(failing.failures.map((failure) => /THROUGHLINE_ACCESS is missing/.test(failure)))).toEqual(
          new Set([true])
        )
        expect((await queue.getProperties()).approximateMessagesCount).toBe(0)
        const [put] = (await poison.receiveMessages()).receivedMessageItems
        expect(JSON.parse(put?.messageText ?? "")).toEqual({ thread: `main/${thread.thread}`, run, epoch: 1 })
        expect((await broken.runTimer("sweep")).error).toMatch(/THROUGHLINE_ACCESS/)
      } finally {
        await broken.close()
      }
      // the run's time to be taken has to pass; the host's timer would come every 15 s
      for (let jobs = 0; jobs === 0; jobs = (await queue.getProperties()).approximateMessagesCount ?? 0) {
        expect((await host.runTimer("sweep")).error).toBeUndefined()
        await new Promise((resolve) => setTimeout(resolve, 500))
      }
      const working = host.startQueue("work")
      expect(runOf(await finished(thread, run), run)).toMatchObject({ epoch: 1, outcome: { type: "completed" } })
      await working.stop()
      // what was put away is a hint like any other: given back, it takes nothing
      expect(
        await host.deliver("work", JSON.stringify({ thread: `main/${thread.thread}`, run, epoch: 1 }))
      ).toMatchObject({ returnValue: null })
    }, 60_000)

    it("refuses an upstream call without the function's key, and one without a signature", async () => {
      await expect(emulator.setEventHandlers(HUB, [eventHandler(host, "guessed")])).rejects.toThrow(/OPTIONS/)
      await emulator.setEventHandlers(HUB, [eventHandler(host)])
      const upstream = `${host.url}/api/upstream/azure-web-pubsub`
      const reached = host.requests.length
      expect((await fetch(upstream, { method: "POST", body: "{}" })).status).toBe(401)
      expect(host.requests.length).toBe(reached)
      const unsigned = await fetch(`${upstream}?code=${host.functionKey}`, {
        method: "POST",
        headers: { "content-type": "application/json", "ce-connectionid": "c", "ce-signature": "sha256=00" },
        body: "{}"
      })
      expect([unsigned.status, await unsigned.json()]).toMatchObject([
        401,
        { error: { code: "WEBHOOK_BAD_SIGNATURE" } }
      ])
    })

    it("lets pages of the listed origins ask, and answers a preflight", async () => {
      const ask = (origin: string) =>
        fetch(`${host.url}/api/threads/t/view`, {
          method: "OPTIONS",
          headers: { origin, "access-control-request-method": "GET" }
        })
      const listed = await ask("https://app.example.com")
      expect([listed.status, listed.headers.get("access-control-allow-origin")]).toEqual([
        204,
        "https://app.example.com"
      ])
      expect((await ask("https://elsewhere.example")).status).toBe(403)
    })

    it("answers bad requests with one shape of error, through the host's own request objects", async () => {
      const threads = `${host.url}/api/threads`
      const json = { "content-type": "application/json" }
      const post = (path: string, body: BodyInit, headers: Record<string, string> = json) =>
        fetch(`${threads}/${path}`, { method: "POST", headers, body })
      const answers = [
        [await post("t/runs", "{"), 400, "BAD_JSON"],
        [await post("t/runs", "{}", { "content-type": "text/plain" }), 415, "UNSUPPORTED_MEDIA_TYPE"],
        [await post("t/runs", "x".repeat(600_000)), 413, "TOO_LARGE"],
        [await post("t/runs", new Uint8Array([0xff, 0xfe])), 400, "BAD_JSON"],
        [
          await post("t/runs", JSON.stringify({ id: randomUUID(), agent: "summarise", input: { text: 5 } })),
          400,
          "BAD_INPUT"
        ],
        [await post("t/runs", JSON.stringify({ id: randomUUID(), agent: "nobody" })), 404, "NOT_FOUND"],
        [await fetch(`${threads}/t/nothing`), 404, "NOT_FOUND"],
        [await fetch(`${threads}/t%20t/view`), 400, "BAD_ID"],
        [await fetch(`${threads}/t/runs`), 405, "METHOD_NOT_ALLOWED"],
        [await fetch(`${threads}/t/view`, { headers: { origin: "https://elsewhere.example" } }), 403, "ORIGIN_REFUSED"]
      ] as const
      for (const [response, status, code] of answers) {
        const text = await response.text()
        expect([response.status, JSON.parse(text)]).toMatchObject([status, { ok: false, error: { code } }])
        expect(text).not.toMatch(/\bat .+:\d+:\d+/)
      }
      expect(host.output()).not.toContain(emulator.accessKey)
    })
  })

  it("asks a store again that was away at its first call", async () => {
    pipe.shut()
    const host = await startApp({ THROUGHLINE_ACCESS: "development", AZURE_FUNCTIONS_ENVIRONMENT: "Development" })
    try {
      expect((await fetch(`${host.url}/api/threads/t/view`)).status).toBe(503)
      pipe.open()
      expect((await fetch(`${host.url}/api/threads/t/view`)).status).toBe(200)
    } finally {
      pipe.open()
      await host.close()
    }
  })

  it("gives each signed-in user threads of their own, and lets nobody else in", async () => {
    const host = await startApp({ THROUGHLINE_ACCESS: "easy-auth", WEBSITE_AUTH_ENABLED: "True" })
    try {
      const post = async (user: string | undefined, body: object) => {
        const authorization = user === undefined ? {} : { authorization: `Bearer ${user}` }
        const headers = { "content-type": "application/json", ...authorization }
        const response = await fetch(`${host.url}/api/threads/diary/messages`, {
          method: "POST",
          headers,
          body: JSON.stringify(body)
        })
        return response.status
      }
      const read = async (headers: Record<string, string>) => {
        const response = await fetch(`${host.url}/api/threads/diary/view`, { headers })
        return [response.status, await response.text()] as const
      }
      const message = (text: string) => ({ id: randomUUID(), parts: [{ type: "text", text }] })
      expect(await post("aad ann", message("ann's secret"))).toBe(200)
      expect(await post("aad bob", message("bob's secret"))).toBe(200)
      expect(await post("github ann", message("another ann's secret"))).toBe(200)
      // ids of other alphabets arrive as bytes
      expect(await post("oidc j\u00fcrgen\u0085", message("one more secret"))).toBe(200)
      expect(await post(undefined, message("nobody's"))).toBe(401)
      const [, ann] = await read({ authorization: "Bearer aad ann" })
      expect(ann).toContain('"ann\'s secret"')
      expect(ann).not.toMatch(/bob|another/)
      const [, bob] = await read({ authorization: "Bearer aad bob" })
      expect(bob).not.toContain("ann")
      // a claim that the caller makes is removed by the platform
      const [status, text] = await read({ "x-ms-client-principal-id": "ann", "x-ms-client-principal-idp": "aad" })
      expect([status, JSON.parse(text)]).toMatchObject([401, { error: { code: "UNAUTHENTICATED" } }])
    } finally {
      await host.close()
    }
  })
})
