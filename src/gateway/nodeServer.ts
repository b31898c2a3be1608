/**
 * Node's HTTP server for what speaks fetch: requests become `Request`, what is answered is written as it comes. Nothing of
 * Throughline is in here.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

/** Resolves with `http://host:port`. Rejects when the port is taken. `port` 0, the default, is any free one. */
export const listen = async (
  server: Server,
  { host = "127.0.0.1", port = 0 }: { readonly host?: string | undefined; readonly port?: number | undefined }
): Promise<string> => {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen(port, host, resolve)
  })
  const at = server.address() as AddressInfo
  return `http://${host.includes(":") ? `[${host}]` : host}:${at.port}`
}

/** Settles when the answer is written, or when whoever asked is gone. Rejects with what `fetch` rejects with. */
export const respond = async (
  fetch: (request: Request) => Promise<Response>,
  incoming: IncomingMessage,
  outgoing: ServerResponse
): Promise<void> => {
  const request = toRequest(incoming)
  const response = request === undefined ? new Response("bad request", { status: 400 }) : await fetch(request)
  outgoing.writeHead(response.status, Object.fromEntries(response.headers))
  // what nobody read is read away, so that the connection can be used again
  outgoing.once("finish", () => incoming.resume())
  if (response.body === null) {
    outgoing.end()
    return
  }
  outgoing.flushHeaders()
  const reader = response.body.getReader()
  // a stream whose reader went away has to know, also while it has nothing to say
  const gone = () => void reader.cancel().catch(() => {})
  outgoing.once("close", gone)
  for (;;) {
    const { done, value } = await reader.read()
    if (done || outgoing.destroyed) break
    if (!outgoing.write(value)) await new Promise((resume) => outgoing.once("drain", resume).once("close", resume))
  }
  outgoing.end()
}

/** `undefined` for a request line or Host that makes no URL. */
const toRequest = (incoming: IncomingMessage): Request | undefined => {
  try {
    const url = new URL(incoming.url ?? "/", `http://${incoming.headers.host ?? "localhost"}`)
    const headers = new Headers()
    for (let at = 0; at < incoming.rawHeaders.length; at += 2) {
      headers.append(incoming.rawHeaders[at]!, incoming.rawHeaders[at + 1]!)
    }
    const method = incoming.method ?? "GET"
    if (method === "GET" || method === "HEAD") return new Request(url, { method, headers })
    return new Request(url, { method, headers, body: bodyOf(incoming), duplex: "half" } as RequestInit)
  } catch {
    return undefined
  }
}

/** Read as it is asked for. Whoever stops reading leaves the rest, and the connection, alone. */
const bodyOf = (incoming: IncomingMessage): ReadableStream<Uint8Array> => {
  const chunks = incoming.iterator({ destroyOnReturn: false })
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const { done, value } = await chunks.next()
        if (done) controller.close()
        else controller.enqueue(value as Uint8Array)
      },
      cancel: async () => void (await chunks.return?.())
    },
    { highWaterMark: 0 }
  )
}
