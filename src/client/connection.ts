/**
 * One gateway connection for all threads of an endpoint and its credentials: grants, reconnects, liveness.
 *
 * Promises each watcher its thread's frames while the socket is open, and word of each change of the socket.
 * Changing the set of threads opens the new connection before it closes the old one. Order, recovery and
 * what people see belong to `follow.ts`.
 */
import type { Frame } from "../protocol/Entry.ts"
import type { Grant } from "../protocol/Exchange.ts"
import type { Fault } from "../protocol/Fault.ts"
import type { Json } from "../protocol/Json.ts"
import { reconnectDelay, STEADY_MILLIS } from "./backoff.ts"
import type { Environment } from "./environment.ts"
import { guarded, reportThrown } from "./environment.ts"
import { readFrame } from "./frame.ts"
import type { GatewayClient, GatewayConnection } from "./GatewayClient.ts"
import type { Request } from "./http.ts"
import { badAnswer, failure, messageOf } from "./http.ts"
import type { Liveness } from "./liveness.ts"
import { createLiveness } from "./liveness.ts"

export interface Watcher {
  readonly thread: string
  /** `bytes`: the frame's length. */
  readonly onFrame: (frame: Frame, bytes: number) => void
  /** Something came that is no frame; it may have been one of any thread. */
  readonly onBadFrame: () => void
  /** `open`: frames arrive from now on. `cut`: none do, it is tried again. `failed`: trying did not help yet. */
  readonly onSocket: (state: "open" | "cut" | "failed", error?: Fault) => void
  /** The page was hidden, or the network away. */
  readonly onWake: () => void
  /** Whether a run is active, so that a dead socket must be noticed soon. */
  readonly active: () => boolean
}
export interface Watch {
  /** `active` became true. */
  readonly touch: () => void
  /** Frames are missing though the socket is open: the grant's groups may be old. Renews it. */
  readonly renew: () => void
  /** Sends a user event over the socket; `undefined` where there is no way back now. */
  readonly invoke: (event: string, data: Json, timeoutMillis: number) => Promise<unknown> | undefined
  readonly stop: () => void
}
export interface Connection {
  readonly watch: (watcher: Watcher) => Watch
}

/** How long a gateway's own client may bridge a cut before we connect anew. */
const BRIDGE_MILLIS = 2_000
/** How long a connection may take to open. */
const OPEN_MILLIS = 10_000
/** How long the old connection stays for frames that are still on their way through it. */
const LINGER_MILLIS = 1_000
/** A grant this near to its end is not used again. */
const GRANT_MARGIN_MILLIS = 5_000
/** Least time between two renewals for missing frames. */
const RENEW_MILLIS = 30_000
/** When to ask again after a refusal that will not change soon. */
const REFUSED_MILLIS = 30_000

interface Link {
  readonly grant: Grant
  readonly liveness: Liveness
  connection: GatewayConnection | undefined
  state: "opening" | "open" | "cut" | "closed"
  openedAt: number
  /** Ends the waiting for it to open, or to be bridged. */
  timer: unknown
}

export const createConnection = (options: {
  readonly request: Request
  readonly gateways: readonly GatewayClient[]
  readonly environment: Environment
  /** The last watcher stopped. */
  readonly onIdle: () => void
}): Connection => {
  const { environment, gateways, request } = options
  const watchers = new Map<string, Set<Watcher>>()
  /** The one that brings frames, and the one that shall replace it. */
  let current: Link | undefined
  let next: Link | undefined
  /** The replaced one, which still brings what was on its way. */
  let old: Link | undefined
  let grant: Grant | undefined
  let asking = false
  let failures = 0
  /** Of the newest grant, also when that is of no use any more. */
  let spreadMillis = 0
  let renewedAt = -Infinity
  /** Threads that the backend refuses, and until when they are not asked for again. */
  const refused = new Map<string, number>()
  let attemptTimer: unknown
  let attemptAt = Infinity
  let livenessTimer: unknown
  let livenessAt = Infinity
  let stopWake: (() => void) | undefined

  const each = (run: (watcher: Watcher) => void) => {
    for (const set of watchers.values()) for (const watcher of set) run(watcher)
  }
  const covers = (held: Grant | undefined, thread: string) => held !== undefined && Object.hasOwn(held.groups, thread)
  const serves = (thread: string) => current?.state === "open" && covers(current.grant, thread)
  /** The threads to ask for now. */
  const wanted = () => [...watchers.keys()].filter((thread) => !(environment.now() < (refused.get(thread) ?? 0)))
  const anyActive = () => {
    for (const set of watchers.values()) for (const watcher of set) if (watcher.active()) return true
    return false
  }

  const plan = (delay: number) => {
    const at = environment.now() + delay
    if (watchers.size === 0 || at >= attemptAt) return
    environment.clearTimeout(attemptTimer)
    attemptAt = at
    attemptTimer = environment.setTimeout(() => {
      attemptAt = Infinity
      void attempt()
        .then(() => {
          if (refused.size > 0) plan(REFUSED_MILLIS * (1 + environment.random()))
        })
        .catch(reportThrown)
    }, delay)
  }
  const retry = (retryAfterMillis?: number) =>
    plan(reconnectDelay(failures, spreadMillis, environment.random, retryAfterMillis))
  const failed = (error: Fault, retryAfterMillis = error.retryAfterMillis) => {
    each((watcher) => {
      if (!serves(watcher.thread)) watcher.onSocket("failed", error)
    })
    failures++
    retry(retryAfterMillis ?? (error.retryable ? undefined : REFUSED_MILLIS))
    // It may have been the grant's fault: ask for another.
    grant = undefined
  }

  const ask = async (threads: readonly string[]): Promise<Grant | Fault> => {
    const [first, ...rest] = threads
    const answer = await request(first!, "grants", { threads: rest }, 1)
    if (!answer.ok) return answer.error
    const given = (answer.body as { grant?: Grant }).grant
    return typeof given?.groups === "object" ? given : badAnswer("a grant").error
  }
  const refuse = (thread: string, error: Fault) => {
    refused.set(thread, environment.now() + REFUSED_MILLIS)
    for (const watcher of watchers.get(thread) ?? []) watcher.onSocket("failed", error)
  }
  /** One refused thread must not keep the others from being served. */
  const askForAll = async (): Promise<Grant | Fault> => {
    const threads = wanted()
    const given = await ask(threads)
    const isRefusal = "code" in given && !given.retryable && given.code !== "UNAUTHENTICATED"
    if (!isRefusal || threads.length === 1) return given
    for (const thread of threads) {
      const one = await ask([thread])
      if ("code" in one) refuse(thread, one)
    }
    const allowed = wanted()
    if (allowed.every(serves)) return current?.grant ?? given
    return allowed.length < threads.length ? ask(allowed) : given
  }

  const attempt = async () => {
    if (asking || next !== undefined) return
    if (grant === current?.grant && wanted().every(serves)) return
    if (
      grant === undefined ||
      !(environment.now() < Date.parse(grant.expiresAt) - GRANT_MARGIN_MILLIS) ||
      !wanted().every((thread) => covers(grant, thread))
    ) {
      asking = true
      const given = await askForAll()
      asking = false
      if (watchers.size === 0) return
      if ("code" in given) {
        failed(given)
        return
      }
      // If this clock is wrong about its expiry, connecting fails and the next attempt asks for another.
      grant = given
      spreadMillis = given.reconnectSpreadMillis
      for (const thread in grant.groups) refused.delete(thread)
    }
    if (grant !== current?.grant || current.state !== "open") open(grant)
  }

  const open = (given: Grant) => {
    const link: Link = {
      grant: given,
      liveness: createLiveness(environment.now()),
      connection: undefined,
      state: "opening",
      openedAt: 0,
      timer: undefined
    }
    next = link
    link.timer = environment.setTimeout(() => end(link, { message: "it did not open in time" }), OPEN_MILLIS)
    try {
      const client = gateways.find((gateway) => gateway.name === given.gateway)
      if (client === undefined) throw new Error(`the grant is for ${given.gateway}, which is not among \`gateways\``)
      const connection = client.connect(given, {
        onOpen: () => opened(link),
        onAlive: () => link.liveness.alive(environment.now()),
        onFrame: (text) => {
          link.liveness.alive(environment.now())
          receive(text)
        },
        onInterrupted: () => interrupted(link),
        onClosed: (reason) => end(link, reason)
      })
      link.connection = connection
      if (link.state === "closed") connection.close()
      armLiveness()
    } catch (error) {
      end(link, { message: messageOf(error) })
    }
  }
  const receive = (text: string) => {
    const frame = readFrame(text)
    if (frame === undefined) each((watcher) => watcher.onBadFrame())
    else for (const watcher of watchers.get(frame.thread) ?? []) watcher.onFrame(frame, text.length)
  }

  const opened = (link: Link) => {
    if (link.state === "closed") return
    environment.clearTimeout(link.timer)
    const now = environment.now()
    link.liveness.alive(now)
    // Who is served without a cut misses nothing.
    const before = current?.state === "open" ? current.grant.groups : {}
    link.state = "open"
    link.openedAt = now
    if (link === next) {
      next = undefined
      close(old)
      const replaced = (old = current)
      current = link
      environment.setTimeout(() => close(replaced), LINGER_MILLIS)
    }
    each((watcher) => {
      if (serves(watcher.thread) && current!.grant.groups[watcher.thread] !== before[watcher.thread])
        watcher.onSocket("open")
    })
    if (!wanted().every(serves)) plan(0)
    armLiveness()
  }
  const cut = () => each((watcher) => watcher.onSocket("cut"))
  const interrupted = (link: Link) => {
    if (link.state !== "open") return
    link.state = "cut"
    link.timer = environment.setTimeout(() => end(link, { message: "it was cut" }), BRIDGE_MILLIS)
    if (link === current) cut()
  }
  /** Closes without a word: its watchers are served by another. */
  const close = (link: Link | undefined) => {
    if (link === undefined || link.state === "closed") return
    link.state = "closed"
    environment.clearTimeout(link.timer)
    guarded(() => link.connection?.close())
  }
  const end = (link: Link, reason: { readonly message: string; readonly retryAfterMillis?: number }) => {
    const { state } = link
    if (state === "closed") return
    close(link)
    if (link === next) {
      next = undefined
      failed(
        failure("GATEWAY_UNAVAILABLE", `the gateway did not connect: ${reason.message}`, true).error,
        reason.retryAfterMillis
      )
    } else if (link === current) {
      current = undefined
      if (state === "open") cut()
      failures = environment.now() - link.openedAt >= STEADY_MILLIS ? 0 : failures + 1
      retry(reason.retryAfterMillis)
    }
  }

  /** One timer, looked at when it fires: hearing something never moves it. */
  const armLiveness = () => {
    if (current === undefined || current.connection?.ping === undefined) return
    const at = current.liveness.due(anyActive())
    if (at >= livenessAt) return
    environment.clearTimeout(livenessTimer)
    livenessAt = at
    livenessTimer = environment.setTimeout(lookAtLiveness, Math.max(0, at - environment.now()))
  }
  const lookAtLiveness = () => {
    livenessAt = Infinity
    const link = current
    if (link?.state === "open") {
      const verdict = link.liveness.look(environment.now(), anyActive())
      if (verdict === "dead") end(link, { message: "it gave no sign of life" })
      else if (verdict === "ping") guarded(() => link.connection?.ping?.())
    }
    armLiveness()
  }
  const woke = () => {
    if (current?.state === "open") {
      current.liveness.doubt()
      armLiveness()
    } else {
      failures = 0
      plan(environment.random() * 100)
    }
    each((watcher) => watcher.onWake())
  }

  const stopAll = () => {
    environment.clearTimeout(attemptTimer)
    environment.clearTimeout(livenessTimer)
    attemptAt = livenessAt = Infinity
    stopWake?.()
    for (const link of [current, next, old]) close(link)
    options.onIdle()
  }

  return {
    watch: (watcher) => {
      const { thread } = watcher
      if (watchers.size === 0) stopWake = environment.onWake(woke)
      refused.delete(thread)
      const set = watchers.get(thread) ?? new Set()
      watchers.set(thread, set.add(watcher))
      if (serves(thread)) watcher.onSocket("open")
      else if (!covers(current?.grant, thread)) plan(0)
      return {
        touch: armLiveness,
        renew: () => {
          const now = environment.now()
          if (now - renewedAt < RENEW_MILLIS) return
          renewedAt = now
          grant = undefined
          plan(environment.random() * spreadMillis)
        },
        invoke: (event, data, timeoutMillis) =>
          serves(thread) && current?.grant.upstream
            ? current.connection?.invoke?.(event, data, { timeoutMillis })
            : undefined,
        stop: () => {
          set.delete(watcher)
          if (set.size === 0) {
            watchers.delete(thread)
            refused.delete(thread)
          }
          if (watchers.size === 0) stopAll()
        }
      }
    }
  }
}
