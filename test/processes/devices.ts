/**
 * Devices of people: real clients over real sockets, several threads on one connection, and a record of all that they
 * showed, in the form that the history checker reads.
 */
import { azureWebPubSubClient } from "../../adapters/gateways/azure-web-pubsub/client.ts"
import { wsClient } from "../../adapters/gateways/ws/client.ts"
import { openThread, type Thread } from "../../src/client/index.ts"
import { ThreadError } from "../../src/client/ThreadError.ts"
import type { GatewayClient } from "../../src/client/GatewayClient.ts"
import type { ClientRecord, LogRecord, Shown } from "../../src/conformance/historyRecords.ts"
import type { Entry } from "../../src/protocol/Entry.ts"

export interface Screen {
  readonly device: string
  readonly thread: Thread
  /** What it showed until now; the log, read afterwards, holds all of it, or there is a breach. */
  readonly records: (options: { readonly final: boolean }) => (log: LogRecord) => readonly ClientRecord[]
  /** What went wrong with it that a person would have seen. */
  readonly failed: () => unknown
  readonly close: () => Promise<void>
}
/** An offset that was shown: its events until they were found in the log, its entry's id since. */
interface Seen {
  readonly offset: number
  events: string | undefined
  id: string
}

export interface Device {
  readonly open: (thread: string) => Screen
  /** How often it had an open socket. */
  readonly opened: () => number
  /** How often it gave one up. */
  readonly gaveUp: () => number
}
/** All of a device's threads share a connection. */
export const openDevice = (endpoint: string, name: string): Device => {
  const token = () => name
  let [opened, gaveUp] = [0, 0]
  const counted = (client: GatewayClient): GatewayClient => ({
    name: client.name,
    connect: (grant, handlers) => {
      const onOpen = () => {
        opened++
        handlers.onOpen()
      }
      const connection = client.connect(grant, { ...handlers, onOpen })
      const close = () => {
        gaveUp++
        connection.close()
      }
      return { ...connection, close }
    }
  })
  const gateways = [azureWebPubSubClient(), wsClient()].map(counted)
  return {
    open: (thread) => openScreen(name, openThread({ endpoint, thread, token, gateways })),
    opened: () => opened,
    gaveUp: () => gaveUp
  }
}

const openScreen = (device: string, thread: Thread): Screen => {
  const seen: Seen[] = []
  let failure: unknown
  const stop = new AbortController()

  const reading = read(thread, stop.signal, seen).catch((error: unknown) => void (failure = error))
  return {
    device,
    thread,
    failed: () => failure,
    records: ({ final }) => {
      // the last one may be incomplete: its events come one by one
      const until = final ? seen.length : seen.length - 1
      const { view } = thread
      const { id, logId, offset } = view
      return (log) => {
        const shown = seen.slice(0, until).map((one): Shown => {
          if (one.events !== undefined) {
            const stored = log.entries[one.offset - 1]
            const same =
              stored !== undefined && JSON.stringify((JSON.parse(stored.body) as Entry).events) === one.events
            one.id = same ? stored.id : `other events: ${one.events.slice(0, 400)}`
            if (same) one.events = undefined
          }
          return { type: "entry", logId: log.logId, offset: one.offset, id: one.id }
        })
        const looked: Shown = { type: "view", logId, offset, id, view }
        return [
          { client: `${device} (events)`, thread: log.thread, shown },
          { client: `${device} (view)`, thread: log.thread, shown: [looked], ...(final ? { view } : {}) }
        ]
      }
    },
    close: async () => {
      stop.abort()
      await thread[Symbol.asyncDispose]()
      await reading
    }
  }
}

/** Every event from the first on; goes on where it was when the log could not be asked for a while. */
const read = async (thread: Thread, signal: AbortSignal, seen: Seen[]): Promise<void> => {
  while (!signal.aborted) {
    const last = seen.at(-1)
    const gathered: unknown[] = []
    // its last entry may have been shown in part; it is read again, whole
    if (last !== undefined) seen.pop()
    let current: Seen | undefined
    try {
      for await (const { event, offset } of thread.events({ after: (last?.offset ?? 1) - 1, signal })) {
        if (current?.offset !== offset) {
          gathered.length = 0
          seen.push((current = { offset, events: "", id: "" }))
        }
        gathered.push(event)
        current.events = JSON.stringify(gathered)
      }
      return
    } catch (error) {
      if (!(error instanceof ThreadError && error.fault.retryable)) throw error
    }
  }
}
