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
import type { FromGateway, OwnGateway, ToGateway } from "./gatewayProcess.ts"

export interface StackOptions {
  readonly docs: string
  readonly gateway: "azure-web-pubsub" | OwnGateway
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

const HUB = "throughline"
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
    const upstreamKey = secret()
    const settings = { docs, file: join(data, "throughline.sqlite"), port: options.port, token, page: options.page }
    const gateway = options.gateway === "azure-web-pubsub" ? startEmulator(add) : startOwn(add, options.gateway)
    const processes = [
      add(
        startChild<ToProcess, FromProcess>({ name: "The server", file: server, channel: "ipc", stop: { type: "stop" } })
      ),
      add(
        startChild<ToProcess, FromProcess>({ name: "The worker", file: worker, channel: "ipc", stop: { type: "stop" } })
      )
    ] as const
    for (const child of processes) child.send({ type: "settings", settings })

    const [listening, opened] = await Promise.all([said(processes[0], "listening"), gateway.open])
    for (const child of processes) child.send({ type: "gateway", gateway: { ...opened, upstreamKey } })
    await Promise.all([
      ...processes.map((child) => said(child, "ready")),
      gateway.callAt(`${listening.url.replace(/\/$/, "")}/api/upstream/${options.gateway}`, upstreamKey)
    ])
    return {
      url: `${listening.url.replace(/\/$/, "")}/`,
      token,
      file: settings.file,
      pids: { gateway: gateway.pid, server: processes[0].pid, worker: processes[1].pid },
      failed: Promise.race(children.map((child) => child.failed)),
      cut: gateway.cut,
      close
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** The message of this type, or the failure that came instead. */
const said = async <T extends FromProcess["type"]>(
  child: Child<ToProcess, FromProcess>,
  type: T
): Promise<Extract<FromProcess, { readonly type: T }>> => {
  const message: FromProcess = await child.next((one): one is FromProcess => one.type === type || one.type === "failed")
  if (message.type === "failed") throw new Error(message.message)
  return message as Extract<FromProcess, { readonly type: T }>
}

interface StackGateway {
  readonly pid: number
  /** What backends need to use it. */
  readonly open: Promise<object>
  /** Tells it where the backend is. */
  readonly callAt: (url: string, key: string) => Promise<void>
  readonly cut: () => Promise<void>
}
type Add = <In, Out>(child: Child<In, Out>) => Child<In, Out>

const startEmulator = (add: Add): StackGateway => {
  type Said = { readonly connectionString?: string; readonly ok?: boolean; readonly message?: string }
  const child = add(
    startChild<object, Said>({
      name: "The emulator",
      file: entry("../emulator/main"),
      args: ["--with-parent"],
      channel: "lines"
    })
  )
  const command = async (wanted: object): Promise<void> => {
    child.send(wanted)
    const answer = await child.next((one): one is Said => one.ok !== undefined)
    if (answer.ok !== true) throw new Error(`The emulator refused: ${answer.message ?? "no reason given"}`)
  }
  return {
    pid: child.pid,
    open: child
      .next((one): one is Said => one.connectionString !== undefined)
      .then(({ connectionString }) => ({ name: "azure-web-pubsub", connectionString, hub: HUB })),
    callAt: (url, key) =>
      command({
        hub: HUB,
        eventHandlers: [{ urlTemplate: `${url}?code=${key}`, userEventPattern: "*", systemEvents: ["connect"] }]
      }),
    cut: () => command({ cut: true })
  }
}

const startOwn = (add: Add, name: OwnGateway): StackGateway => {
  const child = add(
    startChild<ToGateway, FromGateway>({
      name: "The gateway",
      file: entry("./gatewayProcess"),
      channel: "ipc",
      stop: { type: "stop" }
    })
  )
  const key = secret()
  child.send({ type: "start", name, key })
  const next = async (type: "listening" | "done"): Promise<FromGateway> => {
    const message = await child.next((one): one is FromGateway => one.type === type || one.type === "failed")
    if (message.type === "failed") throw new Error(message.message)
    return message
  }
  const command = async (wanted: ToGateway): Promise<void> => {
    child.send(wanted)
    await next("done")
  }
  return {
    pid: child.pid,
    open: next("listening").then((message) => ({
      name,
      url: message.type === "listening" ? message.url : "",
      key
    })),
    callAt: (url) => command({ type: "upstream", url }),
    cut: () => command({ type: "cut" })
  }
}
