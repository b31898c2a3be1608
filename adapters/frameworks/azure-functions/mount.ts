/**
 * Mounts a backend on an Azure Functions app (Node programming model v4): HTTP routes, upstream, queue, timer.
 *
 * Four functions: `threads` (the client's routes), `upstream` (the gateway's webhook; the host checks its function
 * key, so give the gateway `upstreamKey: "host"`), `work` (one job, one run), `sweep` (every 15 s). Source:
 * learn.microsoft.com/azure/azure-functions/functions-reference-node
 */
import type { HttpRequest, HttpResponseInit, InvocationContext } from "@azure/functions"
import type * as AzureFunctions from "@azure/functions"

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

/** `app` is the one from `@azure/functions`. `backend` is built at the first call, so the app starts fast. */
export const mount = (app: typeof AzureFunctions.app, backend: MountedBackend, options: MountOptions = {}): void => {
  const { connection = "AzureWebJobsStorage", queueName = "throughline-jobs", sweepSchedule = "*/15 * * * * *" } = options
  const workMillis = options.workMillis ?? DEFAULT_WORK_MILLIS
  const handler = async (request: HttpRequest): Promise<HttpResponseInit> => fromResponse(await backend.fetch(toRequest(request)))

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
    handler: async (message: unknown, _context: InvocationContext) => {
      await backend.work(decodeMessage(message), { deadline: new Date(Date.now() + workMillis) })
    }
  })
  app.timer("sweep", {
    schedule: sweepSchedule,
    handler: async () => {
      await backend.sweep()
    }
  })
}

/** The host parses a message that is JSON; one that is not is handed on, to be refused as a job. */
const decodeMessage = (message: unknown): unknown => {
  if (typeof message !== "string") return message
  try {
    return JSON.parse(message) as unknown
  } catch {
    return message
  }
}

const toRequest = (request: HttpRequest): Request => {
  const headers = new Headers()
  request.headers.forEach((value, name) => headers.append(name, value))
  const { method } = request
  const body = method === "GET" || method === "HEAD" ? null : (request.body as unknown as BodyInit | null)
  return new Request(request.url, { method, headers, body, ...(body === null ? {} : { duplex: "half" }) } as RequestInit)
}

const fromResponse = async (response: Response): Promise<HttpResponseInit> => ({
  status: response.status,
  headers: Object.fromEntries(response.headers),
  ...(response.body === null ? {} : { body: await response.text() })
})
