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
import type { JsonObject } from "../protocol/Json.ts"
import { createAlarm } from "./alarm.ts"
import { reconnectDelay, STEADY_MILLIS } from "./backoff.ts"
import type { Environment } from "./environment.ts"
import { guarded, reportThrown } from "./environment.ts"
import { readFrame } from "./frame.ts"
import type { GatewayClient, GatewayConnection } from "./GatewayClient.ts"
import type { Request } from "./http.ts"
import { badAnswer, failure } from "./http.ts"
import type { Liveness } from "./liveness.ts"
import { dueAt } from "./liveness.ts"
import {
  BRIDGE_MILLIS,
  GRANT_MARGIN_MILLIS,
  INVOKE_MILLIS,
  LINGER_MILLIS,
  OPEN_MILLIS,
  REFUSED_MILLIS,
  RENEW_MILLIS
} from "./times.ts"

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
  /** Frames are missing though the socket is open: the grant's groups may be old. Renews it. */
  readonly renew: () => void
  /** Sends an interrupt over the socket; `undefined` where there is no way back now. */
  readonly interrupt: (interrupt: object) => Promise<unknown> | undefined
  readonly stop: () => void
}
export interface Connection {
  readonly watch: (watcher: Watcher) => Watch
}

interface Link extends Liveness {
  readonly grant: Grant
  connection?: GatewayConnection
  isOpen?: boolean
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
  const serves = (thread: string) => !!current?.isOpen && covers(current.grant, thread)
  /** The threads to ask for now. */
  const wanted = () =>
    [...new Set([...watchers].map(({ thread }) => thread))].filter((thread) => !(now() < refused.get(thread)!))
  const dueNow = (link: Link) =>
    dueAt(
      link,
      [...watchers].some((watcher) => watcher.active())
    )
  /** Tells whom nobody serves, or the watchers of one thread. */
  const tell = (state: "cut" | "failed", error?: Fault, one?: string) => {
    for (const watcher of watchers)
      if (one ? watcher.thread === one : !serves(watcher.thread)) watcher.onSocket(state, error)
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
    tell("failed", error)
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
  const refuse = (thread: string, error: Fault) => {
    refused.set(thread, now() + REFUSED_MILLIS)
    tell("failed", error, thread)
  }
  /**
   * One refused thread must not keep the others from being served: each is asked for alone, to find it. Answers
   * whether there is one.
   */
  const findRefused = async (threads: readonly string[]) => {
    let found = false
    for (const thread of threads) {
      const given = await ask([thread])
      if ("code" in given) {
        refuse(thread, given)
        found = true
      }
    }
    return found
  }

  const attempt = async () => {
    const threads = wanted()
    if (asking || next || threads.length === 0 || (grant === current?.grant && threads.every(serves))) return
    const isUsable =
      grant &&
      now() < Date.parse(grant.expiresAt) - GRANT_MARGIN_MILLIS &&
      threads.every((thread) => covers(grant, thread))
    if (!isUsable) {
      asking = true
      const given = await ask(threads)
      const isRefusal =
        "code" in given &&
        !given.retryable &&
        given.code !== "UNAUTHENTICATED" &&
        given.code !== "TOO_MANY" &&
        threads.length > 1
      const isFound = isRefusal && (await findRefused(threads))
      asking = false
      if (isFound || watchers.size === 0) return plan(0)
      if ("code" in given) return failed(given)
      // If this clock is wrong about its expiry, connecting fails and the next attempt asks for another.
      grant = given
      spreadMillis = given.reconnectSpreadMillis
      for (const thread of threads) {
        if (covers(given, thread)) refused.delete(thread)
        else refuse(thread, failure("NOT_FOUND", "no such thread").error)
      }
    }
    open(grant!)
  }

  const open = (given: Grant) => {
    const link: Link = {
      grant: given,
      heardAt: now(),
      askedAt: 0,
      openedAt: 0,
      timer: environment.setTimeout(() => end(link, "timeout"), OPEN_MILLIS)
    }
    next = link
    links.add(link)
    const alive = () => {
      link.heardAt = now()
      link.askedAt = 0
    }
    try {
      const client = gateways.find((gateway) => gateway.name === given.gateway)
      if (!client) throw new Error(`\`gateways\` lacks ${given.gateway}`)
      link.connection = client.connect(given, {
        onOpen: () => {
          alive()
          opened(link)
        },
        onAlive: alive,
        onFrame: (text) => {
          alive()
          const frame = readFrame(text)
          for (const watcher of watchers)
            if (!frame || frame.thread === watcher.thread) watcher.onFrame(frame, text.length)
          // It may have begun a run.
          armLiveness()
        },
        onInterrupted: () => interrupted(link),
        onClosed: ({ message, retryAfterMillis }) => end(link, message, retryAfterMillis)
      })
      if (!links.has(link)) link.connection.close()
      armLiveness()
    } catch (error) {
      end(link, String(error))
    }
  }
  const opened = (link: Link) => {
    if (!links.has(link)) return
    environment.clearTimeout(link.timer)
    link.openedAt = now()
    // Who is served without a cut misses nothing.
    const before = current?.isOpen ? current.grant.groups : {}
    link.isOpen = true
    if (link === next) {
      next = undefined
      const replaced = current
      current = link
      environment.setTimeout(() => replaced && close(replaced), LINGER_MILLIS)
    }
    for (const watcher of watchers) {
      const { thread } = watcher
      if (serves(thread) && current!.grant.groups[thread] !== before[thread]) watcher.onSocket("open")
    }
    if (!wanted().every(serves)) plan(0)
    armLiveness()
  }
  const interrupted = (link: Link) => {
    if (!link.isOpen) return
    link.isOpen = false
    link.timer = environment.setTimeout(() => end(link), BRIDGE_MILLIS)
    if (link === current) tell("cut")
  }
  /** Closes without a word: its watchers are served by another. */
  const close = (link: Link) => {
    if (!links.delete(link)) return
    link.isOpen = false
    environment.clearTimeout(link.timer)
    guarded(() => link.connection?.close())
  }
  const end = (link: Link, message?: string, retryAfterMillis?: number) => {
    const { isOpen } = link
    if (!links.has(link)) return
    close(link)
    if (link === next) {
      next = undefined
      failed(failure("GATEWAY_UNAVAILABLE", `gateway: ${message}`, true).error, retryAfterMillis)
    } else if (link === current) {
      current = undefined
      if (isOpen) tell("cut")
      failures = now() - link.openedAt >= STEADY_MILLIS ? 0 : failures + 1
      retry(retryAfterMillis)
    }
  }

  const armLiveness = () => {
    if (current?.connection?.ping) looks.by(dueNow(current))
  }
  const looks = createAlarm(environment, () => {
    const link = current
    if (link?.isOpen && now() >= dueNow(link)) {
      if (link.askedAt) end(link)
      else {
        link.askedAt = now()
        guarded(() => link.connection?.ping?.())
      }
    }
    armLiveness()
  })
  const woke = () => {
    if (current?.isOpen) {
      current.heardAt = 0
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
        renew: () => {
          if (now() - renewedAt < RENEW_MILLIS) return
          renewedAt = now()
          grant = undefined
          plan(random() * spreadMillis)
        },
        interrupt: (interrupt) =>
          serves(thread) && current?.grant.upstream
            ? current.connection?.invoke?.(
                "interrupt",
                { thread, interrupt: interrupt as JsonObject },
                { timeoutMillis: INVOKE_MILLIS }
              )
            : undefined,
        stop: () => {
          watchers.delete(watcher)
          refused.delete(thread)
          if (watchers.size > 0) return
          attempts.stop()
          looks.stop()
          stopWake?.()
          for (const link of links) close(link)
          current = undefined
          options.onIdle()
        }
      }
    }
  }
}
