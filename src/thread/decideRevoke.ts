/**
 * Deciding that access changed: the thread's groups get new names, which only those get who are granted again.
 *
 * An entry needs an event. This one says that names changed and not for whom, and is in no view.
 */
import type { Event } from "../protocol/Event.ts"
import type { Decision, RevokeCommand } from "./command.ts"
import type { Control } from "./control.ts"
import { append } from "./transitions.ts"

const ACCESS_CHANGED = ".grants"
const accessChanged: Event = { type: "custom", name: ACCESS_CHANGED, value: null, transient: true }

export const decideRevoke = (control: Control, { above }: RevokeCommand): Decision => {
  const generation = Math.max(control.generation, above ?? 0) + 1
  return append([accessChanged], { ...control, generation }, { type: "revoked", generation })
}
