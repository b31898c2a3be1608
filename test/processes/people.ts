/**
 * What people do at their devices while processes die: start runs, stop them, steer them, post; each with an id that
 * stays the same until there is an answer, some of it twice at once from two devices.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { newId } from "../../src/client/id.ts"
import type { Told } from "../../src/conformance/historyRecords.ts"
import type { MessagePart } from "../../src/protocol/Event.ts"
import type { Fault } from "../../src/protocol/Fault.ts"
import type { StartRun } from "../../src/protocol/Exchange.ts"
import type { AnswerAsk, Cancel, Steer } from "../../src/protocol/UserInterrupt.ts"
import type { Screen } from "./devices.ts"

export interface Person {
  readonly told: readonly Told[]
  /** Begins no more runs; resolves when what it had begun to ask was answered. Asks of runs are answered still. */
  readonly stop: () => Promise<void>
  readonly close: () => void
}
const AGENTS = ["writer", "rewriter", "booker", "rebooker", "asker", "asker", "waiter"]
/** More at once in a thread are not begun: a slow machine gets less to do. */
const MOST_RUNS = 4
const BETWEEN_RETRIES_MILLIS = 100
/** Nobody asks for longer: then the system is broken. */
const GIVE_UP_MILLIS = 60_000

/** Works in one thread, at several devices. */
export const openPerson = (
  screens: readonly Screen[],
  options: { readonly random: () => number; readonly pauseMillis: number }
): Person => {
  const { pauseMillis, random } = options
  const told: Told[] = []
  const under = new Set<Promise<unknown>>()
  const answered = new Set<string>()
  let stopped = false

  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!
  const parts = (text: string): readonly MessagePart[] => [{ type: "text", text }]
  /** Asks again until there is an answer that will stay. */
  const ask = async <A extends { readonly ok: true } | { readonly ok: false; readonly error: Fault }>(
    screen: Screen,
    send: (screen: Screen) => Promise<A>,
    tell: (answer: A) => Omit<Told, "thread" | "by">
  ): Promise<A> => {
    const until = Date.now() + GIVE_UP_MILLIS
    for (;;) {
      const answer = await send(screen)
      told.push({ ...tell(answer), thread: `main/${screen.thread.thread}`, by: screen.device } as Told)
      if (answer.ok || !answer.error.retryable || Date.now() > until) return answer
      await sleep(BETWEEN_RETRIES_MILLIS)
    }
  }
  /** The same from one device, or from two at once. */
  const everywhere = async (one: (screen: Screen) => Promise<unknown>) => {
    const many = random() < 0.3 ? screens : [pick(screens)]
    await Promise.all(many.map(one))
  }

  const start = async (): Promise<StartRun> => {
    const input = { stepMillis: 20 + Math.floor(random() * 80), steps: 2 + Math.floor(random() * 18) }
    const wanted: StartRun = {
      id: newId(),
      agent: pick(AGENTS),
      input,
      message: { id: newId(), parts: parts("Please.") }
    }
    const { agent, id, message } = wanted
    await everywhere((screen) =>
      ask(
        screen,
        ({ thread }) => thread.start(agent, input, { id, message: message! }),
        (answer) => ({ type: "start", start: wanted, answer })
      )
    )
    return wanted
  }
  const cancel = (run: string) => {
    const interrupt: Cancel = { kind: "cancel", id: newId(), run }
    return everywhere((screen) =>
      ask(
        screen,
        ({ thread }) => thread.cancel(run, { id: interrupt.id }),
        (answer) => ({ type: "interrupt", interrupt, answer })
      )
    )
  }
  const steer = (run: string) => {
    const message = { id: newId(), parts: parts("Faster") }
    const interrupt: Steer = { kind: "steer", id: newId(), run, message, when: "next-step" }
    return everywhere((screen) =>
      ask(
        screen,
        ({ thread }) => thread.steer(run, message.parts, { id: interrupt.id, message: message.id }),
        (answer) => ({ type: "interrupt", interrupt, answer })
      )
    )
  }
  const post = () => {
    const message = { id: newId(), parts: parts("Hello.") }
    return everywhere((screen) =>
      ask(
        screen,
        ({ thread }) => thread.post(message.parts, { id: message.id }),
        (answer) => ({ type: "post", message, answer })
      )
    )
  }
  /** Every device answers every ask that it sees, each in its own way: one of them decides. */
  const answer = (screen: Screen) => {
    const { asks } = screen.thread.view
    const seen = asks.find(({ answer: given, id }) => given === undefined && !answered.has(`${screen.device}/${id}`))
    if (seen === undefined) return
    answered.add(`${screen.device}/${seen.id}`)
    const { digest, id: of, run } = seen
    const id = newId()
    const refuses = random() < 0.3
    const said = refuses ? ({ type: "denied" } as const) : ({ type: "approved" } as const)
    const interrupt: AnswerAsk = { kind: "answer", id, run, ask: of, answer: said, ...(digest && { digest }) }
    const asking = sleep(random() * pauseMillis)
      .then(() =>
        ask(
          screen,
          ({ thread }) => (refuses ? thread.deny(seen, { id }) : thread.approve(seen, { id })),
          (receipt) => ({ type: "interrupt", interrupt, answer: receipt })
        )
      )
      .finally(() => under.delete(asking))
    under.add(asking)
  }
  const stops = screens.map((screen) => screen.thread.subscribe(() => answer(screen)))
  const work = async () => {
    const { id } = await start()
    await sleep(random() * pauseMillis)
    const wish = random()
    if (wish < 0.25) await cancel(id)
    else if (wish < 0.4) await steer(id)
    else if (wish < 0.5) await post()
  }
  const unfinished = () =>
    Math.max(...screens.map(({ thread }) => thread.view.runs.filter(({ state }) => state !== "finished").length))
  const live = async () => {
    while (!stopped) {
      if (unfinished() < MOST_RUNS) {
        const working = work().finally(() => under.delete(working))
        under.add(working)
      }
      await sleep(pauseMillis * (0.5 + random()))
    }
    await Promise.all(under)
  }
  const living = live()
  living.catch(() => {})
  return {
    told,
    stop: () => {
      stopped = true
      return living
    },
    close: () => stops.forEach((stop) => stop())
  }
}
