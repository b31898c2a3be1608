/**
 * Mounts a backend on an Azure Functions app (Node programming model v4): HTTP routes, upstream, queue, timer.
 *
 * Four functions: `threads` (the client's routes), `upstream` (the gateway's webhook; the host checks its function
 * key, so give the gateway `upstreamKey: "host"`), `work` (one job, one run), `sweep` (every 15 s). A caller over HTTP
 * gets an answer of ours whatever fails; what failed is in the function's log. Source:
 * learn.microsoft.com/azure/azure-functions/functions-reference-node
 */
import type { HttpRequest, HttpResponseInit, InvocationContext } from "@azure/functions"
import type * as AzureFunctions from "@azure/functions"
import { fault } from "../../../src/protocol/Fault.ts"
import { refuse } from "../../../src/server/answer.ts"

/** What `mount` calls of a backend; a `BackendHandle` has it. */
export interface MountedBackend {
  readonly fetch: (request: Request) => Promise<Response>
  readonly work: (job: unknown, options?: { readonly deadline?: Date | undefined }) => Promise<unknown>
  readonly sweep: () => Promise<unknown>
}
export interface MountOptions {
  /** The queue whose messages are jobs. Default `throughline-jobs`. */
  readonly queueName?: string
  /** The app setting that connects to the queue's storage account. Default `AzureWebJobsStorage`. */
  readonly connection?: string
  /** How long one job may work, in milliseconds; below the app's `functionTimeout`. Default 9 minutes. */
  readonly workMillis?: number
  /** NCRONTAB of the sweep. Default every 15 s. */
  readonly sweepSchedule?: string
}
const DEFAULT_WORK_MILLIS = 9 * 60_000

/** `app` is the one from `@azure/functions`. `backend` is called, and so built, only by the functions. */
export const mount = (app: typeof AzureFunctions.app, backend: MountedBackend, options: MountOptions = {}): void => {
  const {
    connection = "AzureWebJobsStorage",
    queueName = "throughline-jobs",
    sweepSchedule = "*/15 * * * * *"
  } = options
  const workMillis = options.workMillis ?? DEFAULT_WORK_MILLIS
  const handler = async (request: HttpRequest, context: InvocationContext): Promise<HttpResponseInit> => {
    try {
      return await fromResponse(await backend.fetch(toRequest(request)))
    } catch (error) {
      // thrown on, it would be the host that answers: with a page, and with the stack where it is set to
      context.error(messageOf(error))
      return fromResponse(
        refuse(fault("INTERNAL", "the backend could not be started or failed; the function's log says why"))
      )
    }
  }

  app.http("threads", {
    route: "threads/{thread}/{resource}",
    methods: ["GET", "POST", "OPTIONS"],
    // who may call is the backend's `authenticate` and `authorize`
    authLevel: "anonymous",
    handler
  })
  app.http("upstream", { route: "upstream/{gateway}", methods: ["POST", "OPTIONS"], authLevel: "function", handler })
  app.storageQueue("work", {
    queueName,
    connection,
    // `job` is parsed already; what is no JSON comes as text and is skipped. A job whose call rejects is delivered again
    handler: async (job: unknown) => {
      await backend.work(job, { deadline: new Date(Date.now() + workMillis) })
    }
  })
  app.timer("sweep", {
    schedule: sweepSchedule,
    handler: async () => {
      await backend.sweep()
    }
  })
}

const toRequest = (request: HttpRequest): Request => {
  const { body, method, url } = request
  const headers = new Headers([...request.headers])
  return new Request(url, { method, headers, ...(body === null ? {} : { body: body as BodyInit, duplex: "half" }) })
}

const fromResponse = async (response: Response): Promise<HttpResponseInit> => ({
  status: response.status,
  headers: Object.fromEntries(response.headers),
  ...(response.body === null ? {} : { body: await response.text() })
})

/** What an error and its causes say, for the log. Ours carry theirs in `reason`. */
const messageOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause ?? (error as { readonly reason?: unknown }).reason
  return cause === undefined ? error.message : `${error.message}: ${messageOf(cause)}`
}
