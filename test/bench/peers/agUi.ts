/**
 * AG-UI's server: one SSE response per run, events encoded by its own encoder.
 */
import { EventType } from "@ag-ui/core"
import { EventEncoder } from "@ag-ui/encoder"
import { once } from "node:events"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { answer } from "../child.ts"
import { pace, type Load } from "../workload.ts"

const encoder = new EventEncoder()
const responses: ServerResponse[] = []
answer({
  listen: async () => {
    const server = createServer((request, response) => {
      const run = Number((request.url ?? "").slice(1))
      const [threadId, runId] = [`thread-${run}`, `run-${run}`]
      response.writeHead(200, { "content-type": encoder.getContentType(), "cache-control": "no-cache" })
      response.write(encoder.encodeSSE({ type: EventType.RUN_STARTED, threadId, runId }))
      response.write(encoder.encodeSSE({ type: EventType.TEXT_MESSAGE_START, messageId: "m", role: "assistant" }))
      responses[run] = response
    })
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    return (server.address() as AddressInfo).port
  },
  produce: (load: Load) =>
    pace(load, (run, delta) => {
      responses[run]?.write(encoder.encodeSSE({ type: EventType.TEXT_MESSAGE_CONTENT, messageId: "m", delta }))
    })
})
