/**
 * The whole stack on one machine, as processes of its own: a gateway, the librarian's server, its worker, and one
 * SQLite file between the two.
 *
 * Nothing waits on a clock: each process says when it is ready. The server listens before the gateway can reach it,
 * so all of them start at the same time.
 */
import { randomBytes } from "node:crypto"
import { mkdir, mkdtemp, rm, stat } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { startChild } from "./child.ts"
import type { Child } from "./child.ts"
import { entry } from "./entry.ts"

/** The gateways that `examples/gateways` can start. */
export const GATEWAYS = ["azure-web-pubsub", "ws", "sse", "pusher", "socket.io", "cloudflare-durable-objects"] as const

export interface StackOptions {
  readonly docs: string
  readonly gateway: (typeof GATEWAYS)[number]
  /** Of the page; 0 for any free one. */
  readonly port: number
  /** Where the conversations are kept; a temporary folder, deleted at the end, when absent. */
  readonly data?: string
  /** Whether there is a page to open. */
  readonly page: boolean
}
export interface Stack {
  /** The page's address, with a slash at the end. */
  readonly url: string
  /** Lets a client in that is no page: `Authorization: Bearer`. Secret. */
  readonly token: string
  /** The SQLite file. */
  readonly file: string
  readonly pids: { readonly gateway: number; readonly server: number; readonly worker: number }
  /** A sentence, when one of the processes has ended without being told to. The others go on until `close`. */
  readonly failed: Promise<string>
  /** Destroys every socket of the gateway, as a failing network would. */
  readonly cut: () => Promise<void>
  readonly close: () => Promise<void>
}

/** What the librarian's processes understand; their half is in `examples/librarian/parent.ts`. */
type ToProcess =
  | { readonly type: "settings"; readonly settings: object }
  | { readonly type: "gateway"; readonly gateway: object }
  | { readonly type: "stop" }
type FromProcess =
  | { readonly type: "listening"; readonly url: string }
  | { readonly type: "ready" }
  | { readonly type: "failed"; readonly message: string }
/** What the gateway's process understands; its half is `examples/gateways/process.ts`. */
type ToGateway =
  | { readonly type: "start"; readonly name: StackOptions["gateway"]; readonly upstream: string }
  | { readonly type: "cut" }
  | { readonly type: "stop" }
type FromGateway =
  | { readonly type: "listening"; readonly gateway: object }
  | { readonly type: "ready" | "done" }
  | { readonly type: "failed"; readonly message: string }

const secret = (): string => randomBytes(32).toString("base64url")

/** Resolves when the page can be opened. Rejects with a sentence for people, and leaves nothing running. */
export const startStack = async (options: StackOptions): Promise<Stack> => {
  const docs = resolve(options.docs)
  const folder = await stat(docs).catch(() => undefined)
  if (folder === undefined || !folder.isDirectory())
    throw new Error(
      `${docs} is ${folder === undefined ? "not there" : "not a folder"}. Name the folder that holds the documents with --docs.`
    )
  const server = entry("../../examples/librarian/server")
  const worker = entry("../../examples/librarian/worker")

  const data = options.data === undefined ? await mkdtemp(join(tmpdir(), "throughline-")) : resolve(options.data)
  if (options.data !== undefined) await mkdir(data, { recursive: true })
  const children: Child<never, never>[] = []
  const add = <In, Out>(child: Child<In, Out>): Child<In, Out> => {
    children.push(child as unknown as Child<never, never>)
    return child
  }
  let closed: Promise<void> | undefined
  const close = (): Promise<void> =>
    (closed ??= (async () => {
      // The worker first: what it says last still reaches the log and the screens.
      await children.at(-1)?.close()
      await Promise.all(children.map((child) => child.close()))
      if (options.data === undefined) await rm(data, { recursive: true, force: true })
    })())

  try {
    const token = secret()
    const settings = { docs, file: join(data, "throughline.sqlite"), port: options.port, token, page: options.page }
    const gateway = add(
      startChild<ToGateway, FromGateway>({
        name: "The gateway",
        file: entry("../../examples/gateways/process"),
        channel: "ipc",
        stop: { type: "stop" }
      })
    )
    const processes = [
      add(
        startChild<ToProcess, FromProcess>({ name: "The server", file: server, channel: "ipc", stop: { type: "stop" } })
      ),
      add(
        startChild<ToProcess, FromProcess>({ name: "The worker", file: worker, channel: "ipc", stop: { type: "stop" } })
      )
    ] as const
    for (const child of processes) child.send({ type: "settings", settings })

    const { url } = await said(processes[0], "listening")
    const at = url.replace(/\/$/, "")
    gateway.send({ type: "start", name: options.gateway, upstream: `${at}/api/upstream/${options.gateway}` })
    const opened = await said(gateway, "listening")
    for (const child of processes) child.send({ type: "gateway", gateway: opened.gateway })
    await Promise.all([...processes.map((child) => said(child, "ready")), said(gateway, "ready")])
    return {
      url: `${at}/`,
      token,
      file: settings.file,
      pids: { gateway: gateway.pid, server: processes[0].pid, worker: processes[1].pid },
      failed: Promise.race(children.map((child) => child.failed)),
      cut: async () => {
        gateway.send({ type: "cut" })
        await said(gateway, "done")
      },
      close
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** The message of this type, or the failure that came instead. */
const said = async <M extends FromProcess | FromGateway, T extends M["type"]>(
  child: Pick<Child<never, M>, "next">,
  type: T
): Promise<Extract<M, { readonly type: T }>> => {
  const message: M = await child.next((one): one is M => one.type === type || one.type === "failed")
  if (message.type === "failed") throw new Error(message.message)
  return message as Extract<M, { readonly type: T }>
}
