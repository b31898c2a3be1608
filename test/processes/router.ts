/**
 * What stands before servers in a deployment: forwards each request to one that is in, retries nothing, and counts
 * what came back.
 */
import { createServer, request as send, Agent } from "node:http"
import { once } from "node:events"

export interface Router {
  /** Servers that get requests from now on, by URL. Requests under way are answered by whom they went to. */
  readonly set: (urls: readonly string[]) => void
  /** By status; 502 where a server did not answer. */
  readonly statuses: Readonly<Record<number, number>>
  /** Resolves when nothing is under way at this server. */
  readonly drained: (url: string) => Promise<void>
  readonly close: () => Promise<void>
}

export const openRouter = async (port: number): Promise<Router> => {
  const statuses: Record<number, number> = {}
  const agent = new Agent({ keepAlive: true })
  const under = new Map<string, number>()
  let servers: readonly string[] = []
  let turn = 0
  const server = createServer((incoming, outgoing) => {
    const to = servers[turn++ % Math.max(1, servers.length)]
    const answer = (status: number) => {
      statuses[status] = (statuses[status] ?? 0) + 1
    }
    if (to === undefined) {
      answer(502)
      return void outgoing.writeHead(502).end()
    }
    under.set(to, (under.get(to) ?? 0) + 1)
    outgoing.once("close", () => under.set(to, under.get(to)! - 1))
    const forwarded = send(
      new URL(incoming.url ?? "/", to),
      { method: incoming.method ?? "GET", headers: incoming.headers, agent },
      (response) => {
        answer(response.statusCode ?? 0)
        outgoing.writeHead(response.statusCode ?? 502, response.headers)
        response.pipe(outgoing)
      }
    )
    forwarded.on("error", () => {
      if (outgoing.headersSent) return void outgoing.destroy()
      answer(502)
      outgoing.writeHead(502).end()
    })
    incoming.pipe(forwarded)
  })
  server.listen(port, "127.0.0.1")
  await once(server, "listening")
  return {
    statuses,
    set: (urls) => void (servers = urls),
    drained: async (url) => {
      while ((under.get(url) ?? 0) > 0) await new Promise((resolve) => setTimeout(resolve, 10))
    },
    close: async () => {
      server.close()
      server.closeAllConnections()
      agent.destroy()
      await once(server, "close")
    }
  }
}
