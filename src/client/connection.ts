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
import { createAlarm } from "./alarm.ts"
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
  /** `undefined`: something came that is no frame; it may have been one of any thread. `bytes`: its length. */
  readonly onFrame: (frame: Frame | undefined, bytes: number) => void
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
  const { now, random } = environment
  const watchers = new Set<Watcher>()
  /** All that are not closed: those two, and a replaced one that still brings what was on its way. */
  const links = new Set<Link>()
  /** The one that brings frames, and the one that shall replace it. */
  let current: Link | undefined
  let next: Link | undefined
  let grant: Grant | undefined
  let asking = false
  let failures = 0
  /** Of the newest grant, also when that is of no use any more. */
  let spreadMillis = 0
  let renewedAt = -Infinity
  /** Threads that the backend refuses, and until when they are not asked for again. */
  const refused = new Map<string, number>()
  let stopWake: (() => void) | undefined

  const covers = (held: Grant | undefined, thread: string) => !!held && Object.hasOwn(held.groups, thread)
  const serves = (thread: string) => current?.state === "open" && covers(current.grant, thread)
  /** The threads to ask for now. */
  const wanted = () =>
    [...new Set([...watchers].map(({ thread }) => thread))].filter((thread) => !(now() < refused.get(thread)!))
  const anyActive = () => [...watchers].some((watcher) => watcher.active())
  const tell = (state: "cut" | "failed", isMeant: (thread: string) => boolean, error?: Fault) => {
    for (const watcher of watchers) if (isMeant(watcher.thread)) watcher.onSocket(state, error)
  }

  const attempts = createAlarm(environment, () => {
    void attempt()
      .then(() => {
        if (refused.size > 0) plan(REFUSED_MILLIS * (1 + random()))
      })
      .catch(reportThrown)
  })
  const plan = (delay: number) => {
    if (watchers.size > 0) attempts.by(now() + delay)
  }
  const retry = (retryAfterMillis?: number) => plan(reconnectDelay(failures, spreadMillis, random, retryAfterMillis))
  const failed = (error: Fault, retryAfterMillis = error.retryAfterMillis) => {
    tell("failed", (thread) => !serves(thread), error)
    failures++
    retry(retryAfterMillis ?? (error.retryable ? undefined : REFUSED_MILLIS))
    // It may have been the grant's fault: ask for another.
    grant = undefined
  }

  const ask = async ([first, ...threads]: readonly string[]): Promise<Grant | Fault> => {
    const answer = await request(first!, "grants", { threads }, 1)
    if (!answer.ok) return answer.error
    const given = (answer.body as { grant?: Grant }).grant
    return typeof given?.groups === "object" ? given : badAnswer("a grant").error
  }
  /** One refused thread must not keep the others from being served: each is asked for alone, to find it. */
  const askForAll = async (): Promise<Grant | Fault> => {
    const threads = wanted()
    const given = await ask(threads)
    const isRefusal = "code" in given && !given.retryable && given.code !== "UNAUTHENTICATED"
    if (!isRefusal || threads.length === 1) return given
    for (const thread of threads) {
      const one = await ask([thread])
      if (!("code" in one)) continue
      refused.set(thread, now() + REFUSED_MILLIS)
      tell("failed", (other) => other === thread, one)
    }
    const allowed = wanted()
    return allowed.every(serves) ? (current?.grant ?? given) : ask(allowed)
  }

  const attempt = async () => {
    const threads = wanted()
    if (asking || next || (grant === current?.grant && threads.every(serves))) return
    const isUsable =
      grant &&
      now() < Date.parse(grant.expiresAt) - GRANT_MARGIN_MILLIS &&
      threads.every((thread) => covers(grant, thread))
    if (!isUsable) {
      asking = true
      const given = await askForAll()
      asking = false
      if (watchers.size === 0) return
      if ("code" in given) return failed(given)
      // If this clock is wrong about its expiry, connecting fails and the next attempt asks for another.
      grant = given
      spreadMillis = given.reconnectSpreadMillis
      for (const thread in grant.groups) refused.delete(thread)
    }
    if (grant !== current?.grant || current?.state !== "open") open(grant!)
  }

  const open = (given: Grant) => {
    const link: Link = {
      grant: given,
      liveness: createLiveness(now()),
      connection: undefined,
      state: "opening",
      openedAt: 0,
      timer: environment.setTimeout(() => end(link, "timeout"), OPEN_MILLIS)
    }
    next = link
    links.add(link)
    const alive = () => link.liveness.alive(now())
    try {
      const client = gateways.find((gateway) => gateway.name === given.gateway)
      if (!client) throw new Error(`${given.gateway} is not among \`gateways\``)
      link.connection = client.connect(given, {
        onOpen: () => opened(link),
        onAlive: alive,
        onFrame: (text) => {
          alive()
          const frame = readFrame(text)
          for (const watcher of watchers)
            if (!frame || frame.thread === watcher.thread) watcher.onFrame(frame, text.length)
        },
        onInterrupted: () => interrupted(link),
        onClosed: ({ message, retryAfterMillis }) => end(link, message, retryAfterMillis)
      })
      if (!links.has(link)) link.connection.close()
      armLiveness()
    } catch (error) {
      end(link, messageOf(error))
    }
  }
  const opened = (link: Link) => {
    if (!links.has(link)) return
    environment.clearTimeout(link.timer)
    link.liveness.alive((link.openedAt = now()))
    // Who is served without a cut misses nothing.
    const before = current?.state === "open" ? current.grant.groups : {}
    link.state = "open"
    if (link === next) {
      next = undefined
      const replaced = current
      current = link
      environment.setTimeout(() => close(replaced), LINGER_MILLIS)
    }
    for (const watcher of watchers) {
      const { thread } = watcher
      if (serves(thread) && current!.grant.groups[thread] !== before[thread]) watcher.onSocket("open")
    }
    if (!wanted().every(serves)) plan(0)
    armLiveness()
  }
  const cut = () => tell("cut", () => true)
  const interrupted = (link: Link) => {
    if (link.state !== "open") return
    link.state = "cut"
    link.timer = environment.setTimeout(() => end(link), BRIDGE_MILLIS)
    if (link === current) cut()
  }
  /** Closes without a word: its watchers are served by another. */
  const close = (link: Link | undefined) => {
    if (!link || !links.delete(link)) return
    link.state = "closed"
    environment.clearTimeout(link.timer)
    guarded(() => link.connection?.close())
  }
  const end = (link: Link, message?: string, retryAfterMillis?: number) => {
    const { state } = link
    if (state === "closed") return
    close(link)
    if (link === next) {
      next = undefined
      failed(failure("GATEWAY_UNAVAILABLE", `the gateway did not connect: ${message}`, true).error, retryAfterMillis)
    } else if (link === current) {
      current = undefined
      if (state === "open") cut()
      failures = now() - link.openedAt >= STEADY_MILLIS ? 0 : failures + 1
      retry(retryAfterMillis)
    }
  }

  const armLiveness = () => {
    if (current?.connection?.ping) looks.by(current.liveness.due(anyActive()))
  }
  const looks = createAlarm(environment, () => {
    const link = current
    if (link?.state === "open") {
      const verdict = link.liveness.look(now(), anyActive())
      if (verdict === "dead") end(link)
      if (verdict === "ping") guarded(() => link.connection?.ping?.())
    }
    armLiveness()
  })
  const woke = () => {
    if (current?.state === "open") {
      current.liveness.doubt()
      armLiveness()
    } else {
      failures = 0
      plan(random() * 100)
    }
    for (const watcher of watchers) watcher.onWake()
  }

  return {
    watch: (watcher) => {
      const { thread } = watcher
      if (watchers.size === 0) stopWake = environment.onWake(woke)
      watchers.add(watcher)
      refused.delete(thread)
      if (serves(thread)) watcher.onSocket("open")
      else if (!covers(current?.grant, thread)) plan(0)
      return {
        touch: armLiveness,
        renew: () => {
          if (now() - renewedAt < RENEW_MILLIS) return
          renewedAt = now()
          grant = undefined
          plan(random() * spreadMillis)
        },
        invoke: (event, data, timeoutMillis) =>
          serves(thread) && current?.grant.upstream
            ? current.connection?.invoke?.(event, data, { timeoutMillis })
            : undefined,
        stop: () => {
          watchers.delete(watcher)
          refused.delete(thread)
          if (watchers.size > 0) return
          attempts.stop()
          looks.stop()
          stopWake?.()
          for (const link of links) close(link)
          options.onIdle()
        }
      }
    }
  }
}
