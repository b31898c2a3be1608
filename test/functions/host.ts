/**
 * The Azure Functions host, in small: HTTP routes and function keys in front, a worker process behind, and what
 * the queue and timer triggers do, as the host's documentation has it.
 */
import { fork } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import http from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { QueueClient } from "@azure/storage-queue"
import type { Answer, Loaded, Metadata, TypedData } from "./worker.ts"

const WORKER = fileURLToPath(new URL("worker.ts", import.meta.url))
const POLL_MILLIS = 50
/** How long the host hides a message while a function works on it; it renews that as long as it works. */
const HIDDEN_SECONDS = 600

export interface Host {
  readonly url: string
  /** What a caller of a function with `authLevel: "function"` has to bring as `?code=`. */
  readonly functionKey: string
  readonly loaded: () => Promise<Loaded>
  /** Hands a queue's message to the function as the host does. */
  readonly deliver: (name: string, text: string) => Promise<Answer>
  /** `METHOD path` of every HTTP request that reached a function. */
  readonly requests: readonly string[]
  /** What functions wrote to their context's log. */
  readonly logs: readonly string[]
  /** What the worker wrote to its standard streams. */
  readonly output: () => string
  readonly runTimer: (name: string) => Promise<Answer>
  /**
   * Hands messages of the queue to the function, several at once, until it is stopped. A failed one comes again after the
   * host's `visibilityTimeout`, or at once where the test is in a `hurry`; at its `maxDequeueCount`-th failure it goes to
   * the poison queue.
   */
  readonly startQueue: (
    name: string,
    hurry?: boolean
  ) => { readonly failures: readonly string[]; readonly stop: () => Promise<void> }
  readonly close: () => Promise<void>
}
export interface HostOptions {
  readonly folder: string
  /** The app's settings. */
  readonly settings: Readonly<Record<string, string>>
}
interface HostFile {
  readonly extensions: { readonly queues: { readonly visibilityTimeout: string; readonly maxDequeueCount: number } }
}
const seconds = (span: string): number => span.split(":").reduce((sum, part) => sum * 60 + Number(part), 0)
const triggerOf = ({ bindings }: Metadata) => {
  const found = Object.entries(bindings).find(([, { type }]) => type.endsWith("Trigger"))
  if (found === undefined) throw new Error("a function has no trigger")
  return { binding: found[0], trigger: found[1] }
}
/** The parameters of a path that fits a template such as `threads/{thread}/{resource}`. */
const paramsOf = (template: string, path: string): Record<string, string> | undefined => {
  const [names, parts] = [template.split("/"), path.split("/")]
  if (names.length !== parts.length) return undefined
  const params: Record<string, string> = {}
  for (const [at, name] of names.entries()) {
    const part = decodeURIComponent(parts[at] ?? "")
    if (/^\{.+\}$/.test(name) && part !== "") params[name.slice(1, -1)] = part
    else if (name !== part) return undefined
  }
  return params
}

export const startHost = async ({ folder, settings }: HostOptions): Promise<Host> => {
  const functionKey = "key-of-the-function"
  const env = { PATH: process.env["PATH"] ?? "", ...settings }
  const child = fork(WORKER, [folder], { cwd: folder, env, serialization: "advanced", silent: true })
  let output = ""
  child.stdout?.on("data", (chunk) => (output += String(chunk)))
  child.stderr?.on("data", (chunk) => (output += String(chunk)))
  const exited = once(child, "exit")
  const waiting = new Map<number, (answer: Answer) => void>()
  const logs: string[] = []
  const requests: string[] = []
  let told: (loaded: Loaded) => void = () => {}
  child.on("message", (message: Answer | Loaded) => {
    if ("functions" in message) return told(message)
    logs.push(...message.logs)
    waiting.get(message.id)?.(message)
    waiting.delete(message.id)
  })
  let nextId = 1
  const call = (name: string, inputs: Readonly<Record<string, TypedData>>): Promise<Answer> =>
    new Promise((resolve) => {
      const id = nextId++
      waiting.set(id, resolve)
      child.send({ id, name, inputs })
    })
  const loaded = () => {
    const answer = new Promise<Loaded>((resolve, reject) => {
      told = resolve
      child.once("exit", () => reject(new Error(`the worker ended: ${output}`)))
    })
    child.send("loaded")
    return answer
  }
  const { functions } = await loaded()
  const find = (name: string) => {
    const found = functions.find((one) => one.name === name)
    if (found === undefined) throw new Error(`there is no function ${name}`)
    return { name, ...triggerOf(found) }
  }

  const server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const url = new URL(request.url ?? "", `http://${request.headers.host}`)
    const method = request.method ?? ""
    for (const { bindings, name } of functions) {
      const { binding, trigger } = triggerOf({ bindings, name })
      const { authLevel, methods, route } = trigger as { authLevel?: string; methods?: string[]; route?: string }
      const params = trigger.type === "httpTrigger" ? paramsOf(`/api/${route}`, url.pathname) : undefined
      if (params === undefined || methods?.includes(method) !== true) continue
      const key = url.searchParams.get("code") ?? request.headers["x-functions-key"]
      if (authLevel !== "anonymous" && key !== functionKey) return void response.writeHead(401).end()
      requests.push(`${method} ${url.pathname}`)
      const answered = await call(name, {
        [binding]: {
          http: {
            method,
            url: url.href,
            params,
            nullableHeaders: Object.fromEntries(
              Object.entries(signedIn(request.headers)).map(([header, value]) => [header, { value: String(value) }])
            ),
            ...(chunks.length === 0 ? {} : { body: { bytes: Buffer.concat(chunks) } })
          }
        }
      })
      const answer = answered.returnValue?.http
      if (answer === undefined) return void response.writeHead(500).end()
      return void response
        .writeHead(Number(answer.statusCode), { ...answer.headers })
        .end(answer.body?.bytes ?? answer.body?.string)
    }
    response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))

  const deliver: Host["deliver"] = (name, text) => call(name, { [find(name).binding]: { string: text } })
  const startQueue: Host["startQueue"] = (name, hurry = false) => {
    const { trigger } = find(name)
    const { queues } = (JSON.parse(readFileSync(join(folder, "host.json"), "utf8")) as HostFile).extensions
    const connection = settings[String(trigger["connection"])] ?? ""
    const queueName = String(trigger["queueName"])
    const queue = new QueueClient(connection, queueName)
    const poison = new QueueClient(connection, `${queueName}-poison`)
    const hiddenSeconds = hurry ? 0 : seconds(queues.visibilityTimeout)
    const working = new Set<Promise<void>>()
    const failures: string[] = []
    let stopped = false
    const poll = async () => {
      while (!stopped) {
        const found = await queue
          .receiveMessages({ numberOfMessages: 16, visibilityTimeout: HIDDEN_SECONDS })
          .catch(() => undefined)
        for (const { dequeueCount, messageId, messageText, popReceipt } of found?.receivedMessageItems ?? []) {
          const work = (async () => {
            const { error } = await deliver(name, messageText)
            if (error === undefined) await queue.deleteMessage(messageId, popReceipt)
            else {
              failures.push(error)
              if (dequeueCount < queues.maxDequeueCount) {
                return void (await queue.updateMessage(messageId, popReceipt, undefined, hiddenSeconds))
              }
              await poison.createIfNotExists()
              await poison.sendMessage(messageText)
              await queue.deleteMessage(messageId, popReceipt)
            }
          })()
          working.add(work)
          void work.finally(() => working.delete(work))
        }
        await new Promise((resolve) => setTimeout(resolve, POLL_MILLIS))
      }
    }
    const polling = poll()
    return {
      failures,
      stop: async () => {
        stopped = true
        await polling
        await Promise.all(working)
      }
    }
  }

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    functionKey,
    loaded,
    deliver,
    requests,
    logs,
    output: () => output,
    runTimer: (name) => {
      const json = JSON.stringify({ Schedule: { AdjustForDST: true }, ScheduleStatus: null, IsPastDue: false })
      return call(name, { [find(name).binding]: { json } })
    },
    startQueue,
    close: async () => {
      server.close()
      server.closeAllConnections()
      if (child.connected) child.disconnect()
      await exited
    }
  }
}
/**
 * App Service authentication, in small: what a caller claims is removed, and `Authorization: Bearer PROVIDER USER`
 * takes the place of a sign-in.
 */
const signedIn = (headers: http.IncomingHttpHeaders): http.IncomingHttpHeaders => {
  const kept = Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith("x-ms-client-principal")))
  const [, provider, user] = /^Bearer (\S+) (\S+)$/.exec(headers.authorization ?? "") ?? []
  if (provider === undefined || user === undefined) return kept
  return { ...kept, "x-ms-client-principal-idp": provider, "x-ms-client-principal-id": user }
}
