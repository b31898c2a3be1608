/**
 * Stands before an emulator as AWS stands before a service: refuses other credentials and what is too large, both of
 * which the emulators take; answers what a test wants it to; cuts sockets.
 */
import { once } from "node:events"
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http"
import { connect, type AddressInfo, type Socket } from "node:net"
import { CREDENTIALS } from "./dynalite.ts"

export interface AwsAnswer {
  readonly status: number
  /** As AWS names it: `LimitExceededException`. */
  readonly type: string
}
export type AwsFault =
  | AwsAnswer
  | "pass"
  /** The service never gets it, and there is no answer; or the connection breaks. */
  | "hang"
  | "cut"
  /** The service does it, and the connection breaks before its answer. */
  | "lose-answer"
  /** The service gets it when `release` says so. */
  | "held"
export interface AwsFront {
  /** `http://127.0.0.1:PORT`, and for `execute-api` its stage: `/test`. */
  readonly url: string
  /** What becomes of the next requests: the first of the list each. */
  readonly faults: AwsFault[]
  /** Paths of requests so far, or what DynamoDB was asked to do. */
  readonly seen: string[]
  /** Lets held requests go on, and waits until the service has answered them. */
  readonly release: () => Promise<void>
  /** Destroys every WebSocket on both sides without a goodbye. */
  readonly cut: () => void
  readonly close: () => Promise<void>
}
const MAX_MESSAGE_BYTES = 128 * 1024
const STAGE = "/test"

/** `skewMillis`: how far the service's clock is ahead. */
export const startAwsFront = async (
  service: "dynamodb" | "execute-api",
  target: string,
  { skewMillis = 0 }: { readonly skewMillis?: number } = {}
): Promise<AwsFront> => {
  const faults: AwsFault[] = []
  const seen: string[] = []
  const held: (() => Promise<void>)[] = []
  const sockets = new Set<Socket>()
  const isDynamo = service === "dynamodb"
  const stage = isDynamo ? "" : STAGE
  const answer = (outgoing: ServerResponse, { status, type }: AwsAnswer): void => {
    const text = `${type}: the canonical string holds x-amz-security-token:SESSION-SECRET`
    outgoing.writeHead(
      status,
      isDynamo ? { "content-type": "application/x-amz-json-1.0" } : { "x-amzn-errortype": type }
    )
    outgoing.end(
      JSON.stringify(isDynamo ? { __type: `com.amazon.coral.service#${type}`, message: text } : { message: text })
    )
  }
  const server = createServer(async (incoming, outgoing) => {
    incoming.on("error", () => {})
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    const path = incoming.url ?? ""
    seen.push(isDynamo ? String(incoming.headers["x-amz-target"]).split(".")[1]! : path)
    const fault = faults.shift() ?? "pass"
    if (fault === "hang") return
    if (fault === "cut") return void incoming.socket.destroy()
    if (typeof fault === "object") return answer(outgoing, fault)
    if (!incoming.headers.authorization?.includes(`Credential=${CREDENTIALS.accessKeyId}/`))
      return isDynamo
        ? answer(outgoing, { status: 400, type: "UnrecognizedClientException" })
        : answer(outgoing, { status: 403, type: "ForbiddenException" })
    if (!isDynamo && body.length > MAX_MESSAGE_BYTES)
      return answer(outgoing, { status: 413, type: "PayloadTooLargeException" })
    if (!path.startsWith(stage)) return answer(outgoing, { status: 403, type: "ForbiddenException" })
    const forward = async () => {
      const onward = request(target + path.slice(stage.length), {
        method: incoming.method ?? "GET",
        headers: incoming.headers
      })
      onward.end(body)
      try {
        const [answered] = (await once(onward, "response")) as [IncomingMessage]
        if (fault === "lose-answer") {
          await once(answered.resume(), "end")
          return void incoming.socket.destroy()
        }
        const date = new Date(Date.now() + skewMillis).toUTCString()
        outgoing.writeHead(answered.statusCode ?? 500, { ...answered.headers, ...(skewMillis === 0 ? {} : { date }) })
        await once(answered.pipe(outgoing), "finish")
      } catch {
        incoming.socket.destroy()
      }
    }
    if (fault !== "held") return forward()
    held.push(forward)
  })
  server.on("upgrade", (incoming, near: Socket, head) => {
    const { hostname, port } = new URL(target)
    const far = connect(Number(port), hostname, () => {
      const lines = [`GET ${incoming.url?.slice(stage.length) || "/"} HTTP/1.1`]
      for (let at = 0; at < incoming.rawHeaders.length; at += 2)
        lines.push(`${incoming.rawHeaders[at]}: ${incoming.rawHeaders[at + 1]}`)
      far.write(`${lines.join("\r\n")}\r\n\r\n`)
      far.write(head)
      near.pipe(far).pipe(near)
    })
    for (const [one, other] of [
      [near, far],
      [far, near]
    ] as const) {
      sockets.add(one)
      one.on("error", () => {})
      one.on("close", () => {
        sockets.delete(one)
        other.destroy()
      })
    }
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${stage}`,
    faults,
    seen,
    release: async () => void (await Promise.all(held.splice(0).map((go) => go()))),
    cut,
    close: async () => {
      const closed = once(server.close(), "close")
      cut()
      server.closeAllConnections()
      await closed
    }
  }
}
