/**
 * A person's device: the real client over a network that fails, and a record of what it showed, what was asked on it and
 * what it was told.
 */
import type { ClientRecord, Shown, Told } from "../../src/conformance/historyRecords.ts"
import { createConnection, type Connection } from "../../src/client/connection.ts"
import type { Environment } from "../../src/client/environment.ts"
import { follow, type Follower } from "../../src/client/follow.ts"
import { createRequest, type Fetch, type Request } from "../../src/client/http.ts"
import { createActions, type Actions } from "../../src/client/interrupts.ts"
import type { PostMessage, StartRun } from "../../src/protocol/Exchange.ts"
import type { UserInterrupt } from "../../src/protocol/UserInterrupt.ts"
import type { View, ViewAsk } from "../../src/protocol/View.ts"
import type { Hub } from "./gateway.ts"
import type { Party, Timer, World } from "./world.ts"

export interface Device {
  readonly party: Party
  readonly user: string
  readonly environment: Environment
  readonly request: Request
  readonly connection: Connection
  readonly wake: () => void
}
export const createDevice = (
  world: World,
  name: string,
  user: string,
  hub: Hub,
  fetchFor: (party: Party, user: string) => Fetch
): Device => {
  const party = world.party(name)
  const wakes = new Set<() => void>()
  const environment: Environment = {
    now: world.now,
    setTimeout: (run, millis) => world.after(party, millis, run),
    clearTimeout: (timer) => {
      if (timer !== undefined) (timer as Timer).run = undefined
    },
    random: world.chance(`device ${name}`).next,
    onWake: (wake) => {
      wakes.add(wake)
      return () => wakes.delete(wake)
    }
  }
  const request = createRequest({
    endpoint: "http://simulated",
    token: () => user,
    fetch: fetchFor(party, user),
    environment
  })
  return {
    party,
    user,
    environment,
    request,
    connection: createConnection({ request, gateways: [hub.clientFor(party, user)], environment, onIdle: () => {} }),
    wake: () => wakes.forEach((wake) => wake())
  }
}

export type Body =
  | { readonly type: "post"; readonly message: PostMessage }
  | { readonly type: "start"; readonly start: StartRun }
  | { readonly type: "interrupt"; readonly interrupt: UserInterrupt }
export interface Tab {
  readonly name: string
  readonly device: Device
  readonly record: ClientRecord
  readonly view: () => View
  /** Before it was loaded the view is an empty one. */
  readonly isLoaded: () => boolean
  readonly ask: (body: Body) => void
  readonly isOpen: () => boolean
  readonly close: () => void
}
/** Opens the thread; `told` gets what is asked here. */
export const openTab = (world: World, name: string, device: Device, thread: string, told: Told[]): Tab => {
  const { connection, environment, request } = device
  const shown: Shown[] = []
  let last: { readonly logId: string; readonly offset: number; readonly id: string } = { logId: "", offset: 0, id: "" }
  const follower: Follower = follow({ thread, request, connection, environment })
  const { followed } = follower
  let resets = 0
  follower.onEntry((entry) => {
    const taken = followed.counters.resets
    // a view that was taken is not shown before what was held beyond it is applied
    if (taken !== resets) shown.push({ type: "view", logId: entry.logId, offset: entry.offset - 1, id: entry.prev })
    resets = taken
    last = { logId: entry.logId, offset: entry.offset, id: entry.id }
    shown.push({ type: "entry", ...last, text: JSON.stringify(entry) })
  })
  followed.subscribe((view) => {
    if (view.logId === last.logId && view.offset === last.offset && view.id === last.id) return
    resets = followed.counters.resets
    last = { logId: view.logId, offset: view.offset, id: view.id }
    shown.push({ type: "view", ...last, view })
    world.trace?.(`${name} takes the view at ${view.logId}/${view.offset}`)
  })
  const actions: Actions = createActions(thread, request, follower)
  const send = (body: Body) => {
    switch (body.type) {
      case "post":
        return actions.post(body.message.parts, { id: body.message.id })
      case "start": {
        const { agent, input, ...rest } = body.start
        return actions.start(agent, input, rest)
      }
      case "interrupt": {
        const { interrupt } = body
        const { id, run } = interrupt
        if (interrupt.kind === "cancel") {
          const { graceMillis } = interrupt
          return actions.cancel(run, { id, ...(graceMillis === undefined ? {} : { graceMillis }) })
        }
        if (interrupt.kind === "steer") {
          const { message, when } = interrupt
          return actions.steer(run, message.parts, { id, message: message.id, when })
        }
        if (interrupt.kind === "answer") {
          const { answer, ask, digest } = interrupt
          const shown = { id: ask, run, ...(digest === undefined ? {} : { digest }) } as ViewAsk
          if (answer.type === "denied") return actions.deny(shown, { id })
          if (answer.type === "answered") return actions.answer(shown, answer.value, { id })
          return actions.approve(shown, { id, ...(answer.input === undefined ? {} : { input: answer.input }) })
        }
        return interrupt.kind === "pause" ? actions.pause(run, { id }) : actions.resume(run, { id })
      }
    }
  }
  let open = true
  return {
    name,
    device,
    get record(): ClientRecord {
      return { client: name, thread, shown, ...(open ? { view: followed.view } : {}) }
    },
    view: () => followed.view,
    isLoaded: follower.loaded,
    ask: (body) => {
      if (device.party.state !== "up" || !open) return
      const index = told.push({ ...body, thread, by: name, at: world.now() }) - 1
      world.trace?.(`${name} asks ${JSON.stringify(body)}`)
      void send(body).then((answer) => {
        told[index] = { ...told[index]!, answer } as Told
        world.trace?.(`${name} is told ${JSON.stringify(answer)}`)
      })
    },
    isOpen: () => open,
    close: () => {
      open = false
      followed.close()
    }
  }
}
