/**
 * The REST listener: token, size and route of each request, then its operation.
 *
 * Sends are the hot path. What a URL means and which tokens it was called with are remembered (a *lane*), so that a
 * repeated publish costs one map lookup and no asynchronous hop: it is delivered when its body's last byte is read.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { errorBody, restAudiences } from "./answers.ts"
import { spareRest, strikes } from "./faults.ts"
import { isHubName } from "./hub.ts"
import { failed, OPERATIONS, prepareSend } from "./operations.ts"
import type { RestAnswer } from "./operations.ts"
import { readPath } from "./routes.ts"
import { hubOf } from "./service.ts"
import type { Service } from "./service.ts"

export const MAX_BODY_BYTES = 1024 * 1024
/** URLs and tokens that are remembered; beyond that the memory starts anew. */
const MAX_LANES = 10_000
const MAX_TOKENS = 16

interface Lane {
  readonly send: (contentType: string | undefined, body: Buffer) => RestAnswer
  /** Verified Authorization headers and the millisecond at which each expires. */
  readonly tokens: Map<string, number>
}

const TOO_LARGE = failed(413, "PayloadTooLarge", `The body must have at most ${MAX_BODY_BYTES} bytes.`)
const UNAUTHORIZED = (why: string) => failed(401, "Unauthorized", `The request is refused: ${why}.`)
const EMPTY = Buffer.alloc(0)
const ACCEPTED_HEADERS = ["Content-Length", "0"]

/** Calls back with the body once it is complete, or with nothing when it is too large; never when the caller left. */
const readBody = (request: IncomingMessage, then: (body: Buffer | undefined) => void): void => {
  if (Number(request.headers["content-length"] ?? 0) > MAX_BODY_BYTES) return then(undefined)
  let body: Buffer = EMPTY
  let tooLarge = false
  request.on("data", (chunk: Buffer) => {
    if (tooLarge) return
    body = body.length === 0 ? chunk : Buffer.concat([body, chunk])
    if (body.length > MAX_BODY_BYTES) {
      tooLarge = true
      then(undefined)
    }
  })
  request.on("end", () => {
    if (!tooLarge) then(body)
  })
}

export const makeRestListener = (service: Service): ((request: IncomingMessage, response: ServerResponse) => void) => {
  const lanes = new Map<string, Lane>()
  const { faults, stats } = service

  const answer = (request: IncomingMessage, response: ServerResponse, result: RestAnswer): void => {
    if (result.status === 202) {
      response.writeHead(202, ACCEPTED_HEADERS)
      response.end()
      return
    }
    const headers: Record<string, string | number> = {}
    let body = ""
    if (result.code !== undefined) {
      stats.restRefused++
      body = errorBody(result.code, result.message ?? "")
      headers["x-ms-error-code"] = result.code
      if (result.status === 413 || !request.complete) headers["Connection"] = "close"
      if ((result.status === 429 || result.status === 503) && faults.retryAfterSeconds !== undefined) {
        headers["Retry-After"] = faults.retryAfterSeconds
      }
    } else if (result.body !== undefined) body = JSON.stringify(result.body)
    if (body !== "") headers["Content-Type"] = "application/json; charset=utf-8"
    if (result.status !== 204) headers["Content-Length"] = Buffer.byteLength(body)
    response.writeHead(result.status, headers)
    response.end(request.method === "HEAD" ? undefined : body)
    request.resume()
  }

  /** Everything but a repeated send: verify, route, read, run. */
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<RestAnswer | undefined> => {
    const url = request.url ?? ""
    const method = request.method ?? ""
    const pathname = url.split("?", 1)[0]
    if (pathname === "/api/health")
      return method === "HEAD" || method === "GET" ? { status: 200 } : notAllowed(response, ["HEAD", "GET"])
    const path = readPath(url)
    const authorization = request.headers.authorization
    const bearer = /^Bearer (\S+)$/i.exec(authorization ?? "")?.[1]
    if (bearer === undefined) return UNAUTHORIZED("it needs a bearer token")
    const verdict = await service.keys.verify(bearer, restAudiences(service, request))
    if (!verdict.ok) return UNAUTHORIZED(verdict.message)
    const operations = path === undefined ? undefined : OPERATIONS[path.pattern]
    if (path === undefined || operations === undefined) return failed(404, "NotFound", "There is no such operation.")
    const operation = operations[method]
    if (operation === undefined) return notAllowed(response, Object.keys(operations))
    if (!isHubName(path.hub)) {
      return failed(400, "InvalidHub", "The hub's name must begin with a letter and have at most 128 characters.")
    }
    const body = await new Promise<Buffer | undefined>((resolve) => readBody(request, resolve))
    if (body === undefined) return TOO_LARGE
    const hub = hubOf(service, path.hub)
    if (path.pattern.endsWith("/:send"))
      remember(url, authorization!, verdict.claims.expiresAtMillis, prepareSend(service, hub, path))
    const origin = `http://${request.headers.host ?? service.host()}`
    return operation({ service, hub, path, contentType: request.headers["content-type"], body, origin })
  }

  const remember = (
    url: string,
    authorization: string,
    expiresAtMillis: number,
    send: ReturnType<typeof prepareSend>
  ): void => {
    if (typeof send !== "function") return
    let lane = lanes.get(url)
    if (lane === undefined) {
      if (lanes.size >= MAX_LANES) lanes.clear()
      lanes.set(url, (lane = { send, tokens: new Map() }))
    }
    if (lane.tokens.size >= MAX_TOKENS) lane.tokens.clear()
    lane.tokens.set(authorization, expiresAtMillis)
  }

  const slow = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (strikes(faults, faults.resetBeforeDelivery)) return reset(request)
    if (strikes(faults, faults.rest503))
      return answer(request, response, failed(503, "ServiceUnavailable", "An injected fault."))
    if (strikes(faults, faults.rest429))
      return answer(request, response, failed(429, "TooManyRequests", "An injected fault."))
    const result = await handle(request, response)
    if (result === undefined) return
    if (strikes(faults, faults.resetAfterDelivery)) return reset(request)
    answer(request, response, result)
  }

  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const lane = lanes.get(request.url!)
    if (lane !== undefined && request.method === "POST" && spareRest(faults)) {
      const expiresAtMillis = lane.tokens.get(request.headers.authorization ?? "")
      if (expiresAtMillis !== undefined && Date.now() < expiresAtMillis) {
        return readBody(request, (body) =>
          answer(request, response, body === undefined ? TOO_LARGE : lane.send(request.headers["content-type"], body))
        )
      }
    }
    slow(request, response).catch((cause: unknown) => {
      service.log({ level: "error", event: "rest.failed", reason: cause instanceof Error ? cause.message : "unknown" })
      if (!response.headersSent) answer(request, response, failed(500, "InternalServerError", "The operation failed."))
    })
  }
  return (request, response) => {
    stats.restCalls++
    response.sendDate = false
    if (faults.restDelayMillis > 0) setTimeout(serve, faults.restDelayMillis, request, response)
    else serve(request, response)
  }
}

const reset = (request: IncomingMessage): void => {
  request.socket.resetAndDestroy()
}

const notAllowed = (response: ServerResponse, methods: readonly string[]): RestAnswer => {
  response.setHeader("Allow", methods.join(", "))
  return failed(405, "MethodNotAllowed", `The operation knows ${methods.join(", ")} only.`)
}
