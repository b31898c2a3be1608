/**
 * Azurite's table endpoint behind a proxy that counts the requests. What is signed does not name the host, so the
 * store takes them as they come.
 */
import { once } from "node:events"
import { createServer, request } from "node:http"
import type { AddressInfo } from "node:net"
import { startAzurite } from "../../adapters/azurite.ts"

export interface CountedStore {
  /** Goes through the proxy. */
  readonly counted: string
  /** Does not. */
  readonly direct: string
  /** Method and path of each request since the last call. */
  readonly take: () => readonly string[]
  readonly close: () => Promise<void>
}

export const startCountedStore = async (): Promise<CountedStore> => {
  const azurite = await startAzurite()
  const endpoint = /TableEndpoint=http:\/\/127\.0\.0\.1:(\d+)/
  const port = Number(endpoint.exec(azurite.connectionString)?.[1])
  let seen: string[] = []
  const proxy = createServer((incoming, outgoing) => {
    const { headers, method, url } = incoming
    seen.push(`${method} ${decodeURIComponent(url ?? "")}`)
    const onward = request({ host: "127.0.0.1", port, headers, method, path: url }, (answered) => {
      outgoing.writeHead(answered.statusCode ?? 502, answered.rawHeaders)
      answered.pipe(outgoing)
    })
    onward.on("error", () => outgoing.destroy())
    incoming.pipe(onward)
  }).listen(0, "127.0.0.1")
  await once(proxy, "listening")
  const { port: proxyPort } = proxy.address() as AddressInfo
  return {
    counted: azurite.connectionString.replace(endpoint, `TableEndpoint=http://127.0.0.1:${proxyPort}`),
    direct: azurite.connectionString,
    take: () => {
      const taken = seen
      seen = []
      return taken
    },
    close: async () => {
      proxy.close()
      proxy.closeAllConnections()
      await azurite.close()
    }
  }
}
