/**
 * The bridge as a process of its own. Prints one line of JSON, `{"ready":true}`, when it hears clients.
 *
 *     THROUGHLINE_NATS_KEY=… node main.ts --server tls://nats.example:4222 --credentials bridge.creds \
 *       --system-credentials system.creds --upstream https://backend.example/upstream/nats
 *
 * THROUGHLINE_NATS_OTHER_KEY is a key that is accepted as well, while keys are changed.
 */
import { readFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { startNatsBridge } from "./bridge.ts"

const { values } = parseArgs({
  options: {
    server: { type: "string", multiple: true, default: ["nats://127.0.0.1:4222"] },
    credentials: { type: "string", default: "" },
    "system-credentials": { type: "string" },
    upstream: { type: "string", default: "" },
    prefix: { type: "string", default: "throughline" }
  }
})
if (values.credentials === "") throw new TypeError("--credentials must be the path of a credentials file")
const system = values["system-credentials"]

const bridge = await startNatsBridge({
  servers: values.server,
  credentials: readFileSync(values.credentials, "utf8"),
  systemCredentials: system === undefined ? undefined : readFileSync(system, "utf8"),
  key: process.env["THROUGHLINE_NATS_KEY"] ?? "",
  otherKey: process.env["THROUGHLINE_NATS_OTHER_KEY"],
  upstream: values.upstream,
  prefix: values.prefix
})
process.stdout.write(`${JSON.stringify({ ready: true })}\n`)
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => void bridge.close().then(() => process.exit(0)))
