/**
 * The long job as people watch it: how far it is, whether anything runs, what it asks. All of it comes from the
 * thread's view, so a reload, or a second tab, shows the same.
 */
import { useState } from "react"
import { createRoot } from "react-dom/client"
import { wsClient } from "throughline/adapters/gateways/ws/client"
import { openThread } from "throughline/client"
import type { Fault, Thread, ViewAsk, ViewRun } from "throughline/client"
import { useConnection, useThread } from "throughline/react"

type Receipt = { readonly ok: true } | { readonly ok: false; readonly error: Fault }
type Send = (receipt: Promise<Receipt>) => void

const ORDERS = Number(new URLSearchParams(location.search).get("orders") ?? 90)

const App = ({ thread }: { readonly thread: Thread }) => {
  const view = useThread(thread)
  const connection = useConnection(thread)
  const [trouble, setTrouble] = useState("")
  const [sending, setSending] = useState(false)
  const run = view.runs.at(-1)
  const over = run === undefined || run.state === "finished"
  const send: Send = (receipt) => {
    setSending(true)
    void receipt.then((told) => {
      setSending(false)
      setTrouble(told.ok ? "" : told.error.message)
    })
  }
  return (
    <main>
      <header>
        <h1>Refunds</h1>
        <p className="faint" role="status">
          {connection === "live" ? "Live" : "Connecting…"}
        </p>
      </header>
      <p className="faint">
        Each function that works on this lives three seconds. You may reload, close the page, or open it twice.
      </p>
      {run !== undefined && <Progress run={run} />}
      {view.asks
        .filter((ask) => ask.run === run?.id)
        .map((ask) => (
          <Ask key={ask.id} ask={ask} thread={thread} send={send} sending={sending} />
        ))}
      {trouble !== "" && (
        <p className="trouble" role="alert">
          {trouble}
        </p>
      )}
      <div className="buttons">
        {over ? (
          <button type="button" disabled={sending} onClick={() => send(thread.start("refunds", { orders: ORDERS }))}>
            Refund {ORDERS} orders
          </button>
        ) : (
          <>
            {run.suspended === "paused" ? (
              <button type="button" disabled={sending} onClick={() => send(thread.resume(run.id))}>
                Resume
              </button>
            ) : (
              <button type="button" className="quiet" disabled={sending} onClick={() => send(thread.pause(run.id))}>
                Pause
              </button>
            )}
            <button type="button" className="quiet" disabled={sending} onClick={() => send(thread.cancel(run.id))}>
              Stop
            </button>
          </>
        )}
      </div>
    </main>
  )
}

const suspendedWords = {
  asked: "Waits for you",
  paused: "Paused",
  "time-limit": "Waits for the next function"
} as const
const stateOf = (run: ViewRun): string => {
  if (run.state === "finished") return { completed: "Done", cancelled: "Stopped", failed: "Failed" }[outcomeOf(run)]
  if (run.state === "suspended") return suspendedWords[run.suspended ?? "time-limit"]
  return run.state === "waiting" ? "Waits for a function" : "Working"
}
const outcomeOf = (run: ViewRun) => run.outcome?.type ?? "failed"

const Progress = ({ run }: { readonly run: ViewRun }) => (
  <section aria-label="Progress">
    <p className="state" aria-live="polite">
      {stateOf(run)}
    </p>
    <progress max={1} value={run.fraction ?? 0} aria-label="Orders" />
    <p className="row">
      <span className="label">{run.label ?? "Beginning"}</span>
      <span className="faint">{run.epoch === 0 ? "no function yet" : `epoch ${run.epoch}`}</span>
    </p>
  </section>
)

const Ask = (props: {
  readonly ask: ViewAsk
  readonly thread: Thread
  readonly send: Send
  readonly sending: boolean
}) => {
  const { ask, send, sending, thread } = props
  const { answer, options = [] } = ask
  if (answer !== undefined) {
    const chosen = answer.type === "answered" ? options.find(({ id }) => id === answer.value)?.label : undefined
    return (
      <p className="faint decided">
        {ask.prompt} {chosen === undefined ? `No answer (${answer.type}).` : `${chosen}.`}
      </p>
    )
  }
  return (
    <section className="ask" role="group" aria-label={ask.prompt}>
      <h2>{ask.prompt}</h2>
      <div className="buttons">
        {options.map(({ id, label }) => (
          <button key={id} type="button" disabled={sending} onClick={() => send(thread.answer(ask, id))}>
            {label}
          </button>
        ))}
      </div>
    </section>
  )
}

const named = new URLSearchParams(location.search).get("thread")
const name = named ?? crypto.randomUUID()
if (named === null) {
  const query = new URLSearchParams(location.search)
  query.set("thread", name)
  history.replaceState(null, "", `?${query}`)
}
const thread = openThread({ endpoint: `${location.origin}/api`, thread: name, gateways: [wsClient()] })
Object.assign(globalThis, { thread })
const element = document.getElementById("root")
if (element !== null) createRoot(element).render(<App thread={thread} />)
