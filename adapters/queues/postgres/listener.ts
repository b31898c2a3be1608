/**
 * Hears of new jobs by LISTEN, on a connection of its own that is opened when somebody first waits.
 *
 * A lost connection is opened again; until then whoever waits looks more often. Nothing is lost with a notification:
 * it only says when to look.
 */
import type { Client } from "pg"
import type { QueueDatabase } from "./connection.ts"

const HEARING_POLL_MILLIS = 250
const DEAF_POLL_MILLIS = 40
const FIRST_PAUSE_MILLIS = 100
const LAST_PAUSE_MILLIS = 5_000

export const makeListener = (database: QueueDatabase, channel: string) => {
  let client: Client | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let state: "idle" | "deaf" | "hearing" | "closed" = "idle"
  let heard = 0
  const waiting = new Set<() => void>()

  const wake = (): void => {
    heard += 1
    for (const resume of [...waiting]) resume()
  }
  const open = (pauseMillis: number): void => {
    state = "deaf"
    const opened = database.client()
    client = opened
    let lost = false
    const lose = (): void => {
      if (lost) return
      lost = true
      void opened.end().catch(() => undefined)
      if (state === "closed") return
      state = "deaf"
      timer = setTimeout(() => open(Math.min(pauseMillis * 2, LAST_PAUSE_MILLIS)), pauseMillis)
      wake()
    }
    opened.on("error", lose)
    opened.on("end", lose)
    opened.on("notification", wake)
    opened
      .connect()
      .then(() => opened.query(`LISTEN ${channel}`))
      .then(() => {
        if (lost || state === "closed") return
        state = "hearing"
        pauseMillis = FIRST_PAUSE_MILLIS
        // What was enqueued before is not announced again.
        wake()
      }, lose)
  }
  return {
    /** How much was heard; to be asked before looking at the table. */
    heard: (): number => heard,
    /** How long to wait at most before looking again. */
    pollMillis: (): number => (state === "hearing" ? HEARING_POLL_MILLIS : DEAF_POLL_MILLIS),
    /** Calls `resume` once something was heard that is not among `known`; answers how to stop that. */
    wait: (known: number, resume: () => void): (() => void) => {
      if (known !== heard) {
        resume()
        return () => undefined
      }
      waiting.add(resume)
      return () => void waiting.delete(resume)
    },
    start: (): void => {
      if (state === "idle") open(FIRST_PAUSE_MILLIS)
    },
    /** Leaves the connection to the database, which closes it. */
    close: (): void => {
      state = "closed"
      clearTimeout(timer)
      void client?.end().catch(() => undefined)
    }
  }
}
