/**
 * The long job from its beginning to its end, told as it happens: functions that live three seconds, one that is
 * killed, a pause, a question that somebody answers later. With `--page` people do all of that in the page instead.
 */
import { parseArgs } from "node:util"
import { wsClient } from "throughline/adapters/gateways/ws/client"
import { openThread } from "throughline/client"
import type { KnownEvent, Thread } from "throughline/client"
import { startPlatform } from "./platform.ts"
import type { Platform } from "./platform.ts"

const { values } = parseArgs({ options: { page: { type: "boolean" }, orders: { type: "string", default: "90" } } })
const orders = Number(values.orders)
const began = Date.now()
const tell = (text: string): void =>
  void process.stdout.write(`${((Date.now() - began) / 1_000).toFixed(1).padStart(5)} s  ${text}\n`)
const later = (millis: number, then: () => void): void => void setTimeout(then, millis)

/** What happens to the run while it works, each once. */
const story = (platform: Platform, thread: Thread, run: string) => {
  const done = new Set<string>()
  const once = (what: string, then: () => void): void => {
    if (done.has(what)) return
    done.add(what)
    then()
  }
  return (event: KnownEvent): void => {
    switch (event.type) {
      case "run.started":
        return tell(`function ${platform.started()} takes the run: epoch ${event.epoch}`)
      case "run.suspended":
        tell(`the run suspends (${event.why}); no function runs`)
        if (event.why === "paused") later(500, () => void thread.resume(run).then(() => tell("you resume it")))
        if (event.why === "asked")
          later(1_500, () => {
            const ask = thread.view.asks.find(({ answer }) => answer === undefined)
            if (ask !== undefined) void thread.answer(ask, "voucher").then(() => tell("you answer: a voucher"))
          })
        return
      case "run.status": {
        const share = event.fraction ?? 0
        if (Math.round(share * orders) % 10 === 0) tell(`  ${event.label}`)
        if (share > 0.2)
          once("pause", () => {
            tell("you pause it")
            void thread.pause(run)
          })
        if (share > 0.35)
          once("kill", () => platform.kill() && tell("its function is killed; its lease of 30 s runs out"))
        return
      }
      case "ask.opened":
        return tell(`it asks: ${event.prompt}`)
      case "run.finished":
        return tell(`the run ends: ${event.outcome.type}`)
      default:
    }
  }
}

const platform = await startPlatform()
const stopped = new Promise<void>((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve())
})
try {
  if (values.page === true) {
    tell(`the page: ${platform.url}   Ctrl-C stops`)
    await stopped
  } else {
    void stopped.then(() => platform.close().finally(() => process.exit(130)))
    const { token } = platform
    const thread = openThread({
      endpoint: `${platform.url}api`,
      thread: "recall",
      gateways: [wsClient()],
      token: () => token
    })
    tell(`${orders} orders to refund; a function lives 3 s`)
    const events = thread.events({ after: 0 })
    const started = await thread.start("refunds", { orders })
    if (!started.ok) throw new Error(started.error.message)
    const happens = story(platform, thread, started.run)
    let refunded = 0
    for await (const { event } of events) {
      const known = event as KnownEvent
      happens(known)
      if (known.type !== "run.finished") continue
      if (known.outcome.type === "completed")
        refunded = (known.outcome.result as { readonly refunded: number }).refunded
      break
    }
    thread.close()
    const { calls, refunds } = await platform.payments.totals()
    tell(`${platform.started()} functions; the service was called ${calls} times and made ${refunds} refunds`)
    process.exitCode = refunds > 0 && refunds === refunded ? 0 : 1
  }
} finally {
  await platform.close()
}
