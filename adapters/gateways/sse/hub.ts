/**
 * Who hears which group, and what was said lately, for who was away for a moment. No HTTP in here.
 *
 * A frame is encoded once for all who hear it. What was said is kept for seconds and up to so many bytes: enough to
 * bridge a cut and the pause between two polls; everything else comes from the log.
 */
import { randomUUID } from "node:crypto"
import { encodeEvent, frameEvent, OPEN, SIGN_OF_LIFE } from "./wire.ts"
import type { Ticket } from "../../../src/gateway/secrets.ts"

/** A client's open answer. Writing to one that is full cuts it. */
export interface Sink {
  readonly write: (bytes: Uint8Array) => void
  readonly cut: () => void
}
interface Listener {
  readonly sink: Sink
  readonly ticket: Ticket
  readonly groups: Set<string>
}
interface Said {
  readonly count: number
  readonly group: string
  readonly bytes: Uint8Array
  readonly at: number
}
export interface Hub {
  /** Says `open` and what was missed since `lastId`, as far as it is kept. Answers how to leave. */
  readonly attach: (ticket: Ticket, sink: Sink, lastId: string) => () => void
  readonly publish: (group: string, frame: string) => void
  /** The principal does not hear the group any more, nor when it comes again with a token from before. */
  readonly revoke: (tenant: string, id: string, group: string) => void
  /** Sends a sign of life to the listener of that name. */
  readonly ping: (name: string) => void
  readonly count: () => number
  readonly cut: () => void
  readonly close: () => void
}

const KEPT_MILLIS = 30_000
const KEPT_BYTES = 32 * 1024 * 1024
/** The longest that a token is good for. */
const REVOKED_MILLIS = 10 * 60_000
const encoder = new TextEncoder()
const SIGN = encoder.encode(SIGN_OF_LIFE)

export const makeHub = ({ beatMillis }: { readonly beatMillis: number }): Hub => {
  const start = randomUUID().slice(0, 8)
  const listeners = new Map<string, Listener>()
  const members = new Map<string, Set<Listener>>()
  /** Until when, by tenant, principal and group. */
  const revoked = new Map<string, number>()
  let said: Said[] = []
  let keptBytes = 0
  let count = 0

  const idOf = (at: number) => `${start}-${at}`
  const forget = () => {
    const old = Date.now() - KEPT_MILLIS
    let gone = 0
    while (gone < said.length && (said[gone]!.at < old || keptBytes > KEPT_BYTES))
      keptBytes -= said[gone++]!.bytes.length
    if (gone > 0) said = said.slice(gone)
    for (const [key, until] of revoked) if (until < Date.now()) revoked.delete(key)
  }
  const leave = (listener: Listener, group: string) => {
    listener.groups.delete(group)
    const known = members.get(group)
    known?.delete(listener)
    if (known?.size === 0) members.delete(group)
  }
  const beat = setInterval(() => {
    forget()
    for (const { sink } of listeners.values()) sink.write(SIGN)
  }, beatMillis)
  beat.unref()

  return {
    attach: (ticket, sink, lastId) => {
      const name = randomUUID()
      const { id, tenant = "main" } = ticket.principal
      const allowed = ticket.groups.filter((group) => !((revoked.get(keyOf(tenant, id, group)) ?? 0) > Date.now()))
      const listener: Listener = { sink, ticket, groups: new Set(allowed) }
      listeners.set(name, listener)
      for (const group of allowed) {
        const known = members.get(group)
        if (known === undefined) members.set(group, new Set([listener]))
        else known.add(listener)
      }
      const [of, last = ""] = lastId.split("-")
      const from = of === start && /^\d{1,15}$/.test(last) ? Number(last) : count
      sink.write(encoder.encode(encodeEvent({ id: idOf(from), name: OPEN, data: name })))
      for (const { bytes, group } of said.slice(firstAfter(said, from)))
        if (listener.groups.has(group)) sink.write(bytes)
      return () => {
        listeners.delete(name)
        for (const group of [...listener.groups]) leave(listener, group)
      }
    },
    publish: (group, frame) => {
      count++
      const bytes = encoder.encode(encodeEvent(frameEvent(idOf(count), frame)))
      said.push({ count, group, bytes, at: Date.now() })
      keptBytes += bytes.length
      if (keptBytes > KEPT_BYTES) forget()
      for (const { sink } of members.get(group) ?? []) sink.write(bytes)
    },
    revoke: (tenant, id, group) => {
      revoked.set(keyOf(tenant, id, group), Date.now() + REVOKED_MILLIS)
      for (const listener of [...(members.get(group) ?? [])]) {
        const { principal } = listener.ticket
        if (principal.id === id && (principal.tenant ?? "main") === tenant) leave(listener, group)
      }
    },
    ping: (name) => listeners.get(name)?.sink.write(SIGN),
    count: () => listeners.size,
    cut: () => {
      for (const { sink } of [...listeners.values()]) sink.cut()
    },
    close: () => clearInterval(beat)
  }
}
const keyOf = (...parts: readonly string[]) => JSON.stringify(parts)

/** Index of the first that was said after `count`; they are in order. */
const firstAfter = (said: readonly Said[], count: number): number => {
  let [low, high] = [0, said.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (said[middle]!.count > count) high = middle
    else low = middle + 1
  }
  return low
}
