/**
 * The bridge as a process. Prints one line of JSON, `{"listening":true}`, when it is ready.
 *
 *     THROUGHLINE_MQTT_KEY=… THROUGHLINE_MQTT_PASSWORD=… node main.ts \
 *       --url mqtt://127.0.0.1:1883 --username throughline-bridge --upstream http://127.0.0.1:8080/upstream/mqtt
 *
 * THROUGHLINE_MQTT_OTHER_KEY is a key that is accepted as well, while keys are changed.
 */
import { parseArgs } from "node:util"
import { startMqttBridge } from "./bridge.ts"

const { values } = parseArgs({
  options: {
    url: { type: "string", default: "mqtt://127.0.0.1:1883" },
    username: { type: "string", default: "throughline-bridge" },
    upstream: { type: "string", default: "" },
    prefix: { type: "string" }
  }
})
const bridge = await startMqttBridge({
  url: values.url,
  username: values.username,
  password: process.env["THROUGHLINE_MQTT_PASSWORD"] ?? "",
  key: process.env["THROUGHLINE_MQTT_KEY"] ?? "",
  otherKey: process.env["THROUGHLINE_MQTT_OTHER_KEY"],
  upstream: values.upstream,
  ...(values.prefix === undefined ? {} : { prefix: values.prefix })
})
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, bridge.close)
process.stdout.write(`${JSON.stringify({ listening: true })}\n`)
