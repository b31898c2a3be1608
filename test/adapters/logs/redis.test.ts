import { setTimeout } from "node:timers/promises"
import * as Layer from "effect/Layer"
import { afterAll, beforeAll, describe } from "vitest"
import { redisLog } from "../../../adapters/logs/redis/log.ts"
import { hasRedis, startRedis } from "../redis.ts"
import type { RedisServer } from "../redis.ts"
import { conforms } from "./conform.ts"

for (const [name, settings] of [
  ["a Redis server", []],
  // All slots are the server's own, and a script whose keys lie in several is refused.
  ["a Redis Cluster's server", ["--cluster-enabled", "yes"]]
] as const) {
  describe.skipIf(!hasRedis())(`the Redis log, on ${name}`, () => {
    let server: RedisServer
    beforeAll(async () => {
      server = await startRedis(...settings)
      if (settings.length === 0) return
      await server.ask("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
      while (!String(await server.ask("CLUSTER", "INFO")).includes("cluster_state:ok")) await setTimeout(50)
    })
    afterAll(() => server?.close())
    conforms(async () => Layer.orDie(redisLog({ url: server.url })))
  })
}
