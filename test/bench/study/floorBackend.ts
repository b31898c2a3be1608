/** The floor's backend: hands each posted message to the gateway with one POST, then answers. It keeps and checks nothing. */
import { once } from "node:events"
import { Agent, createServer, request } from "node:http"
import type { AddressInfo } from "node:net"
import { answer } from "../child.ts"

const agent = new Agent({ keepAlive: true })

answer({
  listen: async ({ gateway }: { readonly gateway: number }) => {
    const server = createServer((asked, answered) => {
      const chunks: Buffer[] = []
      asked.on("data", (chunk: Buffer) => chunks.push(chunk))
      asked.on("end", () => {
        const to = { agent, host: "127.0.0.1", port: gateway, method: "POST", path: "/publish?group=chat" }
        const call = request(to, (response) => response.resume().on("end", () => answered.writeHead(200).end()))
        call.on("error", (error) => {
          throw error
        })
        call.end(Buffer.concat(chunks))
      })
    })
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    return (server.address() as AddressInfo).port
  }
})
