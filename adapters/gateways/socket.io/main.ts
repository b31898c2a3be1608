/**
 * A node of the Socket.IO gateway as a process of its own. Prints one line of JSON, `{"url":"http://…"}`, when it is ready.
 *
 *     THROUGHLINE_SOCKET_IO_KEY=… THROUGHLINE_SOCKET_IO_REDIS=redis://… \
 *       node main.ts --port 8092 --upstream http://127.0.0.1:8080/upstream/socket.io
 *
 * THROUGHLINE_SOCKET_IO_OTHER_KEY is a key that is accepted as well, while keys are changed.
 */
import { parseArgs } from "node:util"
import { startSocketIoGateway } from "./gateway.ts"

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    host: { type: "string", default: "127.0.0.1" },
    upstream: { type: "string" },
    stream: { type: "string" },
    origin: { type: "string", multiple: true },
    polling: { type: "boolean" }
  }
})
const port = Number(values.port)
if (!Number.isInteger(port) || port < 0 || port > 65_535)
  throw new TypeError("--port must be an integer from 0 to 65535")

const gateway = await startSocketIoGateway({
  key: process.env["THROUGHLINE_SOCKET_IO_KEY"] ?? "",
  otherKey: process.env["THROUGHLINE_SOCKET_IO_OTHER_KEY"],
  redis: process.env["THROUGHLINE_SOCKET_IO_REDIS"],
  port,
  host: values.host,
  upstream: values.upstream,
  stream: values.stream,
  allowedOrigins: values.origin,
  polling: values.polling
})
process.stdout.write(`${JSON.stringify({ url: gateway.url })}\n`)
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => void gateway.close().then(() => process.exit(0)))
