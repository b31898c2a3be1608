/**
 * Plays one plan: the real backend in several processes, the real client on several devices, people, and everything that
 * goes wrong between them; then it heals, and the history is checked.
 */
import { checkHistory } from "../../src/conformance/history.ts"
import type { Breach, History, SideEffect, Told } from "../../src/conformance/historyRecords.ts"
import type { Fetch } from "../../src/client/http.ts"
import type { JsonObject } from "../../src/protocol/Json.ts"
import type { View, ViewAsk } from "../../src/protocol/View.ts"
import { decodeControl } from "../../src/thread/decide.ts"
import { AGENTS } from "./agents.ts"
import { startBackends, type LightRequest } from "./backends.ts"
import { createDevice, openTab, type Body, type Device, type Tab } from "./device.ts"
import { createFaults, type Struck } from "./faults.ts"
import { createHub } from "./gateway.ts"
import { CLIENTS, type Action, type How, type Plan } from "./plan.ts"
import { createQueue } from "./queue.ts"
import { createStore } from "./store.ts"
import { createWorld, type Party } from "./world.ts"

export interface Played {
  readonly history: History
  readonly breaches: readonly Breach[]
  readonly struck: Struck
  /** How many runs ended how, were suspended or lost; how often each verdict was given. */
  readonly outcomes: Readonly<Record<string, number>>
  readonly virtualMillis: number
  readonly happened: number
}
const THREAD = "t1"
const KEY = `main/${THREAD}`
/** By then everything must be whole: a lost worker is noticed after 35 s, a quiet client looks every 70 s. */
const HEAL_MILLIS = 240_000
const LOOK_MILLIS = 500
/** How many looks people wait before they help. */
const HELP_LOOKS = 6
/** What was under way when everything looked whole. */
const LINGER_MILLIS = 1_000
const USERS = ["ann", "bob"]

export const play = async (plan: Plan, trace?: (line: string) => void): Promise<Played> => {
  const world = createWorld(
    plan.seed,
    trace && ((line) => trace(`${((world.now() - began) / 1_000).toFixed(3).padStart(8)}  ${line}`))
  )
  const began = world.now()
  const faults = createFaults(plan.rates, world.chance("faults"))
  const latency = world.chance("latency")
  const store = createStore(world, faults, latency, plan.skews.store)
  if ([plan.skews.store, ...plan.skews.processes].some((skew) => Math.abs(skew) > 1_000)) faults.count("clock skewed")
  const queue = createQueue(world, faults, latency)
  const told: Told[] = []
  const effects: SideEffect[] = []
  const hub = createHub(world, faults, latency, (path, body, answer) =>
    backends.request({ method: "POST", path, user: "", body: JSON.stringify(body) }, (reply) => {
      if (reply !== undefined) answer(reply.text)
    })
  )
  const backends = startBackends({
    world,
    faults,
    latency,
    agents: AGENTS,
    skews: plan.skews.processes,
    ports: { log: store.logFor, gateway: hub.gatewayFor, queue: queue.queueFor },
    didRun: (effect) => {
      effects.push({ ...effect, thread: THREAD, head: store.head(KEY).offset })
    }
  })
  const fetchFor =
    (party: Party, user: string): Fetch =>
    (url, init) =>
      new Promise((resolve, reject) => {
        const request: LightRequest = {
          method: init.method ?? "GET",
          path: url.slice("http://simulated/".length),
          user,
          body: init.body as string | undefined
        }
        const half = () => latency.between(1, 15)
        const lost = faults.strikes("request lost")
        const unheard = faults.strikes("answer lost")
        if (lost) return void world.after(party, half(), () => reject(new Error("reset")))
        world.after(undefined, half(), () =>
          backends.request(request, (answer) =>
            world.after(party, half(), () => {
              if (unheard || answer === undefined) return reject(new Error("reset"))
              const headers = answer.retryAfter === null ? {} : { "retry-after": answer.retryAfter }
              resolve(new Response(answer.text, { status: answer.status, headers }))
            })
          )
        )
      })

  const people = world.chance("people")
  const everyone = world.party("people")
  const devices: Device[] = []
  const tabs: Tab[] = []
  const tabOf = new Map<number, Tab>()
  const join = (client: number) => {
    if (tabOf.get(client)?.isOpen() === true) return
    const user = USERS[client % USERS.length]!
    // the first two are tabs of one browser
    const shared = client === 1 ? tabOf.get(0)?.device : undefined
    const device = shared ?? createDevice(world, `d${client}.${tabs.length}`, user, hub, fetchFor)
    if (shared === undefined) devices.push(device)
    const tab = openTab(world, `c${client}.${tabs.length}`, device, THREAD, told)
    tabs.push(tab)
    tabOf.set(client, tab)
  }
  for (let client = 0; client < CLIENTS - 1; client++) join(client)

  const bodies = new Map<string, Body>()
  const ask = (client: number, id: string, body: Body) => {
    bodies.set(id, body)
    tabOf.get(client)?.ask(body)
  }
  const perform = (action: Action) => {
    switch (action.do) {
      case "join":
        return join(action.client)
      case "leave":
        return tabOf.get(action.client)?.close()
      case "post":
        return ask(action.client, action.id, {
          type: "post",
          message: { id: action.id, parts: [{ type: "text", text: action.id }] }
        })
      case "start": {
        const message = { id: `${action.id}.message`, parts: [{ type: "text" as const, text: "please" }] }
        const start = {
          id: action.id,
          agent: action.agent,
          input: { ops: action.ops as never },
          ...(action.message ? { message } : {})
        }
        return ask(action.client, action.id, { type: "start", start })
      }
      case "cancel":
      case "steer":
      case "pause":
      case "resume": {
        const { do: kind, grace, id, late, run } = action
        const message = { id: `${id}.message`, parts: [{ type: "text" as const, text: id }] }
        const interrupt =
          kind === "cancel"
            ? { kind, id, run, ...(grace === undefined ? {} : { graceMillis: grace }) }
            : kind === "steer"
              ? { kind, id, run, message, when: late === true ? ("after-run" as const) : ("next-step" as const) }
              : { kind, id, run }
        return ask(action.client, id, { type: "interrupt", interrupt })
      }
      case "answer": {
        const asks =
          tabOf
            .get(action.client)
            ?.view()
            .asks.filter((shown) => shown.answer === undefined) ?? []
        const shown = asks[action.nth % Math.max(1, asks.length)]
        return shown && ask(action.client, action.id, answerOf(action.id, shown, action.how))
      }
      case "repeat": {
        const body = bodies.get(action.of)
        return body === undefined ? undefined : tabOf.get(action.client)?.ask(body)
      }
      case "cut":
      case "half-open": {
        faults.count(action.do === "cut" ? "socket cut" : "socket half-open")
        return hub.cut(action.client === undefined ? undefined : tabOf.get(action.client)?.device.party, action.do)
      }
      case "sleep": {
        const device = tabOf.get(action.client)?.device
        if (device === undefined || device.party.state !== "up") return
        faults.count("device asleep")
        world.freeze(device.party)
        return void world.after(everyone, action.millis, () => {
          world.thaw(device.party)
          device.wake()
        })
      }
      case "freeze":
        return backends.freeze(action.process, action.millis)
      case "kill":
        return action.boundary === undefined
          ? backends.kill(action.process)
          : backends.killAt(action.process, action.calls ?? 1, action.boundary)
      case "jump":
        return backends.jump(action.process, action.millis)
      case "trim":
        faults.count("snapshot and trim")
        return store.trim(KEY)
      case "lose snapshot":
        faults.count("snapshot missing")
        return store.loseSnapshot(KEY)
      case "replace log":
        faults.count("log replaced")
        return store.replace(KEY, `log${store.records.length + 1}`)
    }
  }
  for (const action of plan.actions) {
    world.after(everyone, action.at, () => {
      world.trace?.(`— ${JSON.stringify(action).slice(0, 300)}`)
      perform(action)
    })
  }
  const last = plan.actions.at(-1)?.at ?? 0
  await world.pass(last + latency.between(0, 3_000))
  faults.heal()
  backends.heal()
  hub.heal()
  for (const { party, wake } of devices) {
    if (party.state !== "frozen") continue
    world.thaw(party)
    wake()
  }
  // an ask for four eyes needs somebody of each: who has left comes back
  USERS.forEach((user, index) => {
    if (!tabs.some((tab) => tab.isOpen() && tab.device.user === user)) join(USERS.length + index)
  })
  world.trace?.("healed")

  const isWhole = () => {
    const head = store.head(KEY)
    return (
      store.quiet() &&
      decodeControl(head.control).runs.length === 0 &&
      told.every((one) => one.answer !== undefined) &&
      tabs.every((tab) => !tab.isOpen() || (tab.isLoaded() && isAt(tab.view(), head)))
    )
  }
  let whole = false
  let looks = 0
  /** Then people do what is left to them: they answer what is asked, and let go on what is suspended. */
  const help = () => {
    const helpers = tabs.filter((tab) => tab.isOpen())
    for (const run of helpers[0]?.view().runs ?? []) {
      if (run.state !== "suspended") continue
      const id = `resume${looks}.${run.id}`
      helpers[0]!.ask({ type: "interrupt", interrupt: { kind: "resume", id, run: run.id } })
    }
    for (const user of USERS) {
      const helper = helpers.find((tab) => tab.device.user === user)
      for (const shown of helper?.view().asks ?? []) {
        if (shown.answer !== undefined) continue
        helper!.ask(answerOf(`answer${looks}.${user}.${shown.id}`, shown, people.pick(["approve", "edit", "deny"])))
      }
    }
  }
  const look = () => {
    whole = isWhole()
    if (whole) return
    if (looks++ % HELP_LOOKS === 1) help()
    world.after(everyone, LOOK_MILLIS, look)
  }
  const until = world.now() + HEAL_MILLIS
  do {
    look()
    await world.pass(until - world.now(), () => whole)
    await world.pass(LINGER_MILLIS)
  } while (!isWhole() && world.now() < until)

  const head = store.head(KEY)
  const history: History = {
    logs: store.records,
    clients: tabs.map(({ record }) => record),
    told,
    effects,
    open: { [THREAD]: decodeControl(head.control).runs.map(({ id, status }) => ({ id, status })) },
    healed: true
  }
  for (const tab of tabs) if (tab.isOpen()) tab.close()
  return {
    history,
    breaches: checkHistory(history),
    struck: faults.struck,
    outcomes: outcomesOf(history),
    virtualMillis: world.now() - began,
    happened: world.happened()
  }
}

const isAt = ({ id, offset }: View, head: { readonly id: string; readonly offset: number }) =>
  offset === head.offset && id === head.id

const answerOf = (id: string, shown: ViewAsk, how: How): Body => {
  const digest = how === "wrong" ? "0".repeat(43) : shown.digest
  const given = shown.kind === "approval" ? approved(shown, how) : answeredBy(shown)
  const answer = how === "deny" ? ({ type: "denied", reason: "no" } as const) : given
  return {
    type: "interrupt",
    interrupt: {
      kind: "answer",
      id,
      run: shown.run,
      ask: shown.id,
      answer,
      ...(digest === undefined ? {} : { digest })
    }
  }
}
const approved = ({ input }: ViewAsk, how: How) =>
  how === "edit"
    ? ({ type: "approved", input: { ...(input as JsonObject), amount: 2 } } as const)
    : ({ type: "approved" } as const)
const answeredBy = ({ kind }: ViewAsk) =>
  ({ type: "answered", value: kind === "choice" ? "left" : { amount: 3 } }) as const

const outcomesOf = (history: History): Record<string, number> => {
  const outcomes: Record<string, number> = {}
  const count = (what: string) => {
    outcomes[what] = (outcomes[what] ?? 0) + 1
  }
  for (const { entries } of history.logs) {
    for (const { body } of entries) {
      if (!/run\.finished|run\.suspended|run\.started|interrupt\.|ask\./.test(body)) continue
      const { events } = JSON.parse(body) as { readonly events: readonly any[] }
      for (const event of events) {
        if (event.type === "run.finished") count(event.outcome.error?.code ?? event.outcome.type)
        else if (event.type === "run.suspended") count(`suspended: ${event.why}`)
        else if (event.type === "run.started" && event.epoch > 1) count("taken again")
        else if (event.type === "interrupt.received") count(`${event.interrupt.kind} ${event.verdict.type}`)
        else if (event.type === "ask.resolved") count(`ask ${event.answer.type}`)
        else if (event.type === "interrupt.applied") count(`interrupt ${event.outcome.type}`)
      }
    }
  }
  return outcomes
}
