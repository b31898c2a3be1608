/**
 * The SSE gateway as a process of its own. Prints one line of JSON, `{"url":"http://…"}`, when it is ready.
 *
 *     THROUGHLINE_SSE_KEY=… node main.ts --port 8091
 *
 * THROUGHLINE_SSE_OTHER_KEY is a key that is accepted as well, while keys are changed.
 */
import { parseArgs } from "node:util"
import { startSseGateway } from "./gateway.ts"

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    host: { type: "string", default: "127.0.0.1" },
    origin: { type: "string", multiple: true }
  }
})
const port = Number(values.port)
if (!Number.isInteger(port) || port < 0 || port > 65_535)
  throw new TypeError("--port must be an integer from 0 to 65535")

const gateway = await startSseGateway({
  key: process.env["THROUGHLINE_SSE_KEY"] ?? "",
  otherKey: process.env["THROUGHLINE_SSE_OTHER_KEY"],
  port,
  host: values.host,
  ...(values.origin === undefined ? {} : { allowedOrigins: values.origin })
})
process.stdout.write(`${JSON.stringify({ url: gateway.url })}\n`)
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => void gateway.close().then(() => process.exit(0)))
