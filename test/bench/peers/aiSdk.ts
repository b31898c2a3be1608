/**
 * The AI SDK's server: `streamText` over a model that says each token when it is due, one SSE response per run.
 */
import { streamText } from "ai"
import { MockLanguageModelV4 } from "ai/test"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { answer } from "../child.ts"
import { pace, type Load } from "../workload.ts"

type ModelStream = Awaited<ReturnType<MockLanguageModelV4["doStream"]>>["stream"]
type ModelPart = ModelStream extends ReadableStream<infer Part> ? Part : never

const models: ReadableStreamDefaultController<ModelPart>[] = []
answer({
  listen: async () => {
    const server = createServer((request, response) => {
      const run = Number((request.url ?? "").slice(1))
      const stream = new ReadableStream<ModelPart>({
        start: (controller) => {
          models[run] = controller
          controller.enqueue({ type: "stream-start", warnings: [] })
          controller.enqueue({ type: "text-start", id: "t" })
        }
      })
      const model = new MockLanguageModelV4({ doStream: { stream } })
      streamText({ model, prompt: "go on" }).pipeUIMessageStreamToResponse(response).catch(console.error)
    })
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    return (server.address() as AddressInfo).port
  },
  produce: (load: Load) => pace(load, (run, delta) => models[run]?.enqueue({ type: "text-delta", id: "t", delta }))
})
