/**
 * The fetch-standard handler: all routes, origin rules, and one answer for every failure. PROTOCOL.md#requests
 *
 * Holds no state between calls. The part of the path before `threads/` or `upstream/` is the host's.
 */
import * as Effect from "effect/Effect"
import { fault, type Fault } from "../protocol/Fault.ts"
import { checkGrantRequest, checkInterrupt, checkPostMessage, checkStartRun } from "../protocol/guardRequest.ts"
import type { Principal } from "../ports/Access.ts"
import { ControlUnreadable } from "../thread/decide.ts"
import { json, notFound, refuse } from "./answer.ts"
import { readBody } from "./body.ts"
import { authenticate } from "./caller.ts"
import { interruptRun, postMessage, startRun } from "./commands.ts"
import { grant } from "./grants.ts"
import type { LimitKind } from "./limits.ts"
import { readEntries, readViewPage } from "./reads.ts"
import type { ServerServices } from "./ServerServices.ts"
import { upstream } from "./upstream.ts"

const THREAD_ROUTE = /(?:^|\/)threads\/([^/]*)\/(grants|messages|runs|interrupts|entries|view)\/?$/
const UPSTREAM_ROUTE = /(?:^|\/)upstream\/([^/]*)\/?$/

interface Call {
  readonly services: ServerServices
  readonly request: Request
  readonly principal: Principal
  readonly thread: string
  readonly query: URLSearchParams
}
interface Route {
  readonly method: "GET" | "POST"
  /** What it takes of its sender's budget. */
  readonly takes: readonly LimitKind[]
  readonly answer: (call: Call) => Effect.Effect<Response, Fault>
}
const asJson = <E>(answer: Effect.Effect<object, E>) => Effect.map(answer, (body) => json(body))

const ROUTES: Readonly<Record<string, Route>> = {
  grants: {
    method: "POST",
    takes: ["requests"],
    answer: ({ principal, request, services, thread }) =>
      asJson(Effect.flatMap(readBody(request, checkGrantRequest), (body) => grant(services, principal, thread, body)))
  },
  messages: {
    method: "POST",
    takes: ["requests", "posts"],
    answer: ({ principal, request, services, thread }) =>
      asJson(
        Effect.flatMap(readBody(request, checkPostMessage), (body) => postMessage(services, principal, thread, body))
      )
  },
  runs: {
    method: "POST",
    takes: ["requests", "starts"],
    answer: ({ principal, request, services, thread }) =>
      asJson(Effect.flatMap(readBody(request, checkStartRun), (body) => startRun(services, principal, thread, body)))
  },
  interrupts: {
    method: "POST",
    takes: ["requests", "interrupts"],
    answer: ({ principal, request, services, thread }) =>
      asJson(
        Effect.flatMap(readBody(request, checkInterrupt), (body) => interruptRun(services, principal, thread, body))
      )
  },
  entries: {
    method: "GET",
    takes: ["requests", "replayBytes"],
    answer: ({ principal, query, services, thread }) => readEntries(services, principal, thread, query)
  },
  view: {
    method: "GET",
    takes: ["requests", "replayBytes"],
    answer: ({ principal, query, services, thread }) => readViewPage(services, principal, thread, query)
  }
}

export const handle = (services: ServerServices, request: Request): Effect.Effect<Response> =>
  Effect.suspend(() => {
    const url = new URL(request.url)
    const called = UPSTREAM_ROUTE.exec(url.pathname)
    if (called !== null) return upstream(services, decodeURIComponentSafe(called[1]!) ?? "", request)
    return withOrigin(services, request, url, route(services, request, url))
  }).pipe(
    Effect.catchDefect((defect) =>
      Effect.as(
        Effect.logError("request failed", defect),
        refuse(
          defect instanceof ControlUnreadable
            ? fault("STORE_CORRUPT", "the thread's log is damaged and is not served")
            : fault("INTERNAL", "the request could not be handled")
        )
      )
    )
  )

const route = (services: ServerServices, request: Request, url: URL): Effect.Effect<Response> => {
  const match = THREAD_ROUTE.exec(url.pathname)
  const found = match === null ? undefined : ROUTES[match[2]!]
  const thread = match === null ? undefined : decodeURIComponentSafe(match[1]!)
  if (found === undefined) return Effect.succeed(refuse(notFound))
  if (thread === undefined)
    return Effect.succeed(refuse(fault("BAD_ID", "the thread's name is not encoded well", { path: "thread" })))
  if (request.method !== found.method) {
    const problem = fault("METHOD_NOT_ALLOWED", `this route is for ${found.method}`)
    return Effect.succeed(refuse(problem, { allow: `${found.method}, OPTIONS` }))
  }
  return authenticate(services, request).pipe(
    Effect.flatMap((principal) => {
      const limited = services.limiter.take(principal, found.takes)
      if (limited !== undefined) return Effect.fail(limited)
      return found.answer({ services, request, principal, thread, query: url.searchParams })
    }),
    Effect.catch((problem) => Effect.succeed(refuse(problem)))
  )
}

/** Browsers say where a page is from; only our own origin and the listed ones get an answer they can read. */
const withOrigin = (services: ServerServices, request: Request, url: URL, answer: Effect.Effect<Response>) => {
  const origin = request.headers.get("origin")
  if (origin === null) return answer
  const own = hostOf(origin) === (request.headers.get("host") ?? url.host)
  if (!own && !services.origins.has(origin)) {
    return Effect.succeed(refuse(fault("ORIGIN_REFUSED", "this page's origin is not on the list of allowed origins")))
  }
  const headers = { "access-control-allow-origin": origin, vary: "origin" }
  if (request.method === "OPTIONS")
    return Effect.succeed(new Response(null, { status: 204, headers: { ...headers, ...PREFLIGHT } }))
  return Effect.map(answer, (response) => {
    for (const [name, value] of Object.entries(headers)) response.headers.set(name, value)
    return response
  })
}
const PREFLIGHT = {
  "access-control-allow-methods": "GET, POST",
  "access-control-allow-headers": "authorization, content-type",
  "access-control-max-age": "600"
}
const hostOf = (origin: string): string | undefined => {
  try {
    return new URL(origin).host
  } catch {
    return undefined
  }
}
const decodeURIComponentSafe = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
