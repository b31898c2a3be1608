/**
 * Merging neighbouring deltas, so that one entry says in one event what piled up. PROTOCOL.md#merge
 *
 * Folding the merged events gives the same view. Only neighbours merge, and only what carries nothing but its
 * text: no `meta`, no `by`, no field of a later version.
 */
import type { Event } from "../protocol/Event.ts"

type Grown = Record<string, string>

/** What a delta belongs to, and which of its texts grows. */
const DELTAS: ReadonlyMap<string, { readonly of: "part" | "call"; readonly text: "text" | "append" }> = new Map([
  ["text.delta", { of: "part", text: "text" }],
  ["reasoning.delta", { of: "part", text: "text" }],
  ["tool.delta", { of: "call", text: "text" }],
  ["tool.progress", { of: "call", text: "append" }]
])
const isBare = (event: Event, of: string, text: string): boolean => {
  for (const key in event) if (key !== "type" && key !== "run" && key !== of && key !== text) return false
  return typeof (event as unknown as Grown)[text] === "string"
}

/** Answers the same array when there is nothing to merge. */
export const mergeDeltas = (events: readonly Event[]): readonly Event[] => {
  let merged: Event[] | undefined
  let last: Event | undefined
  /** `last`, if it was made here and may grow. */
  let own: Grown | undefined
  for (let at = 0; at < events.length; at++) {
    const event = events[at]!
    if (last !== undefined && last.type === event.type) {
      const delta = DELTAS.get(event.type)
      if (delta !== undefined) {
        const from = last as unknown as Grown
        const to = event as unknown as Grown
        const isSame = from["run"] === to["run"] && from[delta.of] === to[delta.of]
        if (
          isSame &&
          isBare(event, delta.of, delta.text) &&
          (own !== undefined || isBare(last, delta.of, delta.text))
        ) {
          if (own === undefined) {
            merged ??= events.slice(0, at)
            own = { ...from }
            last = own as unknown as Event
            merged[merged.length - 1] = last
          }
          own[delta.text] += to[delta.text]!
          continue
        }
      }
    }
    merged?.push(event)
    last = event
    own = undefined
  }
  return merged ?? events
}
