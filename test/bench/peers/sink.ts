/**
 * A server that takes any POST and answers 202: what publishers are measured against.
 */
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { answer } from "../child.ts"

answer({
  listen: async () => {
    const server = createServer((request, response) => request.resume().on("end", () => response.writeHead(202).end()))
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    return (server.address() as AddressInfo).port
  }
})
