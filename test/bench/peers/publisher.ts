/**
 * Publishes the same frame over and over in one of three ways, and answers the CPU time that a call took here.
 */
import { WebPubSubServiceClient } from "@azure/web-pubsub"
import * as Effect from "effect/Effect"
import { Agent, request } from "node:http"
import { azureWebPubSub } from "../../../adapters/gateways/azure-web-pubsub/server.ts"
import { Gateway } from "../../../src/ports/Gateway.ts"
import { answer } from "../child.ts"

export interface Publishing {
  readonly way: "plain" | "ours" | "sdk"
  readonly port: number
  readonly calls: number
}
const LANES = 10
const frame = JSON.stringify({
  v: 1,
  logId: "0199a3e2-7c10-7000-8000-000000000001",
  thread: "tenant/thread",
  offset: 123,
  id: "0199a3e2-7c10-7000-8000-000000000002",
  prev: "0199a3e2-7c10-7000-8000-000000000003",
  at: "2026-01-01T00:00:00.000Z",
  events: [{ type: "text.delta", run: "0199a3e2-7c10-7000-8000-000000000004", part: "p1", text: " and so on" }]
})
const connectionString = (port: number) =>
  `Endpoint=http://127.0.0.1:${port};AccessKey=${Buffer.from("no secret, only for the bench").toString("base64")};Version=1.0;`

/** `calls` times `one`, ten at a time, as ten busy threads would. */
const inLanes = async (calls: number, one: (lane: number) => Promise<unknown>) => {
  await Promise.all(
    Array.from({ length: LANES }, async (_, lane) => {
      for (let call = 0; call < calls / LANES; call++) await one(lane)
    })
  )
}
const ways: Readonly<Record<Publishing["way"], (port: number) => (calls: number) => Promise<void>>> = {
  plain: (port) => {
    const agent = new Agent({ keepAlive: true })
    const headers = { authorization: `Bearer ${"x".repeat(200)}`, "content-type": "text/plain" }
    const post = (lane: number) =>
      new Promise<void>((resolve, reject) => {
        const path = `/api/hubs/bench/groups/group-${lane}/:send?api-version=2024-12-01`
        const call = request({ agent, host: "127.0.0.1", port, method: "POST", path, headers }, (response) => {
          response.resume().on("end", resolve)
        })
        call.on("error", reject)
        call.end(frame)
      })
    return (calls) => inLanes(calls, post)
  },
  ours: (port) => (calls) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const gateway = yield* Gateway
        const lane = (group: string) =>
          Effect.gen(function* () {
            for (let call = 0; call < calls / LANES; call++) yield* gateway.publish(group as never, frame)
          })
        const lanes = Array.from({ length: LANES }, (_, number) => lane(`group-${number}`))
        yield* Effect.all(lanes, { concurrency: "unbounded", discard: true })
      }).pipe(Effect.provide(azureWebPubSub({ connectionString: connectionString(port), hub: "bench" })))
    ),
  sdk: (port) => {
    const client = new WebPubSubServiceClient(connectionString(port), "bench", { allowInsecureConnection: true })
    const groups = Array.from({ length: LANES }, (_, lane) => client.group(`group-${lane}`))
    return (calls) => inLanes(calls, async (lane) => groups[lane]?.sendToAll(frame, { contentType: "text/plain" }))
  }
}

answer({
  measure: async ({ way, port, calls }: Publishing) => {
    const publish = ways[way](port)
    await publish(calls)
    const before = process.cpuUsage()
    await publish(calls)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / calls
  }
})
