/**
 * The event handlers of one hub: which URL gets an event, and whether that URL has agreed to be called.
 *
 * The abuse-protection handshake (OPTIONS) is made when handlers are set; a URL that failed it is asked again when an
 * event comes for it, at most once a second, and until it agrees its events are blocked and reported.
 */
import type { CallUpstream } from "./upstreamCall.ts"

export type SystemEvent = "connect" | "connected" | "disconnected"

export interface EventHandler {
  /** An absolute http or https URL; `{hub}` and `{event}` are replaced. */
  readonly urlTemplate: string
  /** `*` for every user event, a list such as `a,b`, or an empty text for none. */
  readonly userEventPattern: string
  readonly systemEvents: readonly SystemEvent[]
}

const RETRY_MILLIS = 1_000

export class EventHandlerRefused extends Error {
  override readonly name = "EventHandlerRefused"
  readonly url: string
  constructor(url: string, reason: string) {
    super(`the event handler ${url} failed the OPTIONS handshake: ${reason}; its events are blocked`)
    this.url = url
  }
}

interface Registered {
  readonly handler: EventHandler
  readonly names: ReadonlySet<string>
  agreed: boolean
  askedAtMillis: number
}

export class EventHandlers {
  readonly #hub: string
  readonly #call: CallUpstream
  readonly #log: (line: Record<string, unknown>) => void
  #registered: Registered[] = []

  constructor(hub: string, call: CallUpstream, log: (line: Record<string, unknown>) => void) {
    this.#hub = hub
    this.#call = call
    this.#log = log
  }

  /** Replaces the handlers and asks each; fails with `EventHandlerRefused` for the first that does not agree. */
  async set(handlers: readonly EventHandler[]): Promise<void> {
    for (const { urlTemplate } of handlers) {
      const { protocol } = new URL(this.#fill(urlTemplate, "validate"))
      if (protocol !== "http:" && protocol !== "https:") throw new TypeError("urlTemplate must be an http or https URL")
    }
    this.#registered = handlers.map((handler) => ({
      handler,
      names: new Set(
        handler.userEventPattern
          .split(",")
          .map((name) => name.trim())
          .filter((name) => name !== "")
      ),
      agreed: false,
      askedAtMillis: 0
    }))
    const refusals = await Promise.all(this.#registered.map((registered) => this.#ask(registered)))
    const refusal = refusals.find((error) => error !== undefined)
    if (refusal !== undefined) throw refusal
  }

  /** The URL for an event; undefined when none is registered, `blocked` when it has not agreed. First match wins. */
  async find(kind: "sys" | "user", event: string): Promise<string | "blocked" | undefined> {
    const registered = this.#match(kind, event)
    if (registered === undefined) return undefined
    if (!registered.agreed && Date.now() - registered.askedAtMillis >= RETRY_MILLIS) await this.#ask(registered)
    return registered.agreed ? this.#fill(registered.handler.urlTemplate, event) : "blocked"
  }

  handles(kind: "sys" | "user", event: string): boolean {
    return this.#match(kind, event) !== undefined
  }

  #match(kind: "sys" | "user", event: string): Registered | undefined {
    return this.#registered.find(({ handler, names }) =>
      kind === "sys" ? (handler.systemEvents as readonly string[]).includes(event) : names.has("*") || names.has(event)
    )
  }

  async #ask(registered: Registered): Promise<EventHandlerRefused | undefined> {
    registered.askedAtMillis = Date.now()
    const url = this.#fill(registered.handler.urlTemplate, "validate")
    let reason: string
    try {
      const response = await this.#call("OPTIONS", url, {}, undefined)
      const allowed = String(response.headers["webhook-allowed-origin"] ?? "")
        .split(",")
        .map((origin) => origin.trim())
      if (response.status < 200 || response.status > 299) reason = `it answered ${response.status}`
      else if (!allowed.includes("*") && !allowed.includes(response.origin)) {
        reason = `WebHook-Allowed-Origin must be "*" or name ${response.origin}`
      } else {
        registered.agreed = true
        return undefined
      }
    } catch (cause) {
      reason = cause instanceof Error ? cause.message : "it could not be reached"
    }
    const refusal = new EventHandlerRefused(url.split("?")[0]!, reason)
    this.#log({ level: "warn", event: "eventHandler.refused", hub: this.#hub, message: refusal.message })
    return refusal
  }

  #fill(template: string, event: string): string {
    return template.replaceAll("{hub}", encodeURIComponent(this.#hub)).replaceAll("{event}", encodeURIComponent(event))
  }
}
