/** A Worker with the objects of the log that runs a conformance case by its number, over its own bindings. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { durableObjectsLog } from "../../../adapters/logs/durable-objects/log.ts"
import { ThroughlineDue, ThroughlineThread, type LogWorkerEnv } from "../../../adapters/logs/durable-objects/object.ts"
import { logCases } from "../../../src/conformance/logCases.ts"
import { ThreadLog } from "../../../src/ports/ThreadLog.ts"

export { ThroughlineDue, ThroughlineThread }

const open = (env: LogWorkerEnv) =>
  Effect.map(
    Effect.scoped(Layer.build(durableObjectsLog({ threads: env.THROUGHLINE_THREADS, due: env.THROUGHLINE_DUE }))),
    (context) => Context.get(context, ThreadLog)
  )
/** Passes a call to an object on, for tests that are outside. */
const passOn = (request: Request, env: LogWorkerEnv): Promise<Response> => {
  const { pathname, searchParams } = new URL(request.url)
  const namespace = searchParams.get("of") === "due" ? env.THROUGHLINE_DUE : env.THROUGHLINE_THREADS
  const stub = namespace.get(namespace.idFromName(searchParams.get("name")!))
  return stub.fetch(`https://log${pathname}`, { method: "POST", body: request.body })
}
// oxlint-disable-next-line import/no-default-export -- what workerd looks for
export default {
  fetch: async (request: Request, env: LogWorkerEnv): Promise<Response> => {
    if (request.method === "POST") return passOn(request, env)
    const one = logCases()[Number(new URL(request.url).searchParams.get("case"))]
    if (one === undefined) return new Response("no such case", { status: 404 })
    const run = Effect.gen(function* () {
      const [first, second] = [yield* open(env), yield* open(env)]
      yield* one.run(first, { second })
    })
    return Effect.runPromise(run).then(
      () => new Response("holds"),
      (cause: unknown) => new Response(String(cause), { status: 500 })
    )
  }
}
