/** A stand-in for the run that an adapter writes to: keeps what was said, and checks each event as the writer would. */
import type { RawEvent, Run } from "../../../../src/agent/Run.ts"
import type { KnownEvent, Usage } from "../../../../src/protocol/Event.ts"
import { assertJson } from "../../../../src/protocol/JsonValue.ts"
import { checkEvent } from "../../../../src/protocol/guard.ts"

export const recorder = (options: { readonly onEvent?: (event: KnownEvent) => void } = {}) => {
  const events: KnownEvent[] = []
  const usage: Usage[] = []
  const controller = new AbortController()
  const run: Pick<Run, "raw" | "message" | "signal" | "usage" | "status"> = {
    message: "answer",
    signal: controller.signal,
    raw: async (raw: RawEvent) => {
      assertJson(raw, "event")
      const checked = checkEvent(JSON.parse(JSON.stringify({ ...raw, run: "run" })))
      if (!checked.ok) throw new Error(checked.fault.message)
      events.push(checked.event as KnownEvent)
      options.onEvent?.(checked.event as KnownEvent)
    },
    usage: (given) => void usage.push(given),
    status: () => {}
  }
  /** What was said of a type, without `type` and `run`. */
  const of = <T extends KnownEvent["type"]>(type: T) =>
    events.filter((event): event is Extract<KnownEvent, { readonly type: T }> => event.type === type)
  return { run, events, usage, controller, of, types: () => events.map((event) => event.type) }
}
