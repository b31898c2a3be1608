/**
 * How long it takes until somebody notices: a dead worker, a lost last frame, a socket that is dead and does not say so.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { newId } from "../../src/client/id.ts"
import type { View } from "../../src/protocol/View.ts"
import { openDevice, type Device, type Screen } from "./devices.ts"
import type { Programs } from "./programs.ts"
import { openSqlite } from "./store.ts"
import { openWorld, type World } from "./world.ts"

/** Resolves when the screen shows a view that fits; a test's own time limit ends the waiting. */
const shows = async (screen: Screen, fits: (view: View) => boolean): Promise<void> => {
  let stop = () => {}
  await new Promise<void>((resolve) => {
    stop = screen.thread.subscribe((view) => fits(view) && resolve())
  })
  stop()
}
const start = async (
  { thread }: Screen,
  agent: string,
  input: { readonly stepMillis: number; readonly steps: number }
) => {
  const id = newId()
  const answer = await thread.start(agent, input, { id })
  if (!answer.ok) throw new Error(answer.error.message)
  return (view: View) => view.runs.find((run) => run.id === id)
}
const inWorld = async <T>(
  programs: Programs,
  use: (world: World, screen: Screen, device: Device) => Promise<T>
): Promise<T> => {
  const world = await openWorld({ programs, gateway: "azure-web-pubsub", store: await openSqlite(), workers: 2 })
  const device = openDevice(world.endpoint, "ann")
  const screen = device.open("thread")
  try {
    await live(screen)
    return await use(world, screen, device)
  } finally {
    await screen.close()
    await world.close()
  }
}
const live = async (screen: Screen) => {
  while (screen.thread.connection !== "live") await sleep(5)
}

/** From the SIGKILL of every worker that had it until a client shows that the run ended, or that another has it. */
export const deadWorker = (programs: Programs, agent: "writer" | "rewriter") =>
  inWorld(programs, async (world, screen) => {
    const run = await start(screen, agent, { stepMillis: 1_000, steps: 100 })
    await shows(screen, (view) => run(view)?.state === "running")
    // whichever of the two has it; the other one sweeps
    const both = world.workers.map((worker) => worker.process())
    const killed = performance.now()
    await Promise.all(both.map((worker) => worker.kill()))
    await world.workers[0]!.restart()
    await shows(screen, (view) => run(view)?.state === "finished" || (run(view)?.epoch ?? 0) > 1)
    return performance.now() - killed
  })

/** From the end of a run, whose frame was lost, until a client shows it. */
export const lostEnd = (programs: Programs) =>
  inWorld(programs, async (world, screen) => {
    const run = await start(screen, "waiter", { stepMillis: 1_500, steps: 1 })
    await shows(screen, (view) => view.messages.some(({ parts }) => parts.some((part) => part.type === "text")))
    // all that comes from now on is lost: the end is the last of it, and no frame follows that would reveal it
    await world.gateway.process().ask({ faults: { dropFrames: 1 } })
    const ended = await logEnds(world)
    await shows(screen, (view) => run(view)?.state === "finished")
    return performance.now() - ended
  })
const logEnds = async ({ endpoint }: World): Promise<number> => {
  for (;;) {
    const answer = await fetch(`${endpoint}/threads/thread/entries?after=0`, {
      headers: { authorization: "Bearer bob" }
    })
    if ((await answer.text()).includes("run.finished")) return performance.now()
    await sleep(10)
  }
}

/** From the moment the gateway goes silent with its sockets open until the client gives its socket up. */
export const halfOpen = (programs: Programs, options: { readonly active: boolean }) =>
  inWorld(programs, async (world, screen, device) => {
    if (options.active) {
      const run = await start(screen, "writer", { stepMillis: 500, steps: 100 })
      await shows(screen, (view) => run(view)?.state === "running")
    }
    world.gateway.process().signal("SIGSTOP")
    const silent = performance.now()
    while (device.gaveUp() === 0) await sleep(10)
    const noticed = performance.now() - silent
    world.gateway.process().signal("SIGCONT")
    await live(screen)
    return noticed
  })
