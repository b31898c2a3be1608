/**
 * Folding state documents: whole values and JSON Patches.
 *
 * Every function answers whether the event fits what came before it; a patch that does not apply changes nothing.
 */
import type { StateDelta, StateSnapshot } from "../protocol/Event.ts"
import { own, type Folding, type RunPlace } from "./foldState.ts"
import { applyPatch } from "./patch.ts"

export const stateSnapshot = (
  folding: Folding,
  _: RunPlace | undefined,
  { doc, value }: Pick<StateSnapshot, "doc" | "value">
): boolean => {
  // as the name of a document it would set the prototype instead
  if (doc === "__proto__") return false
  own(folding, folding.view, "state")[doc] = value
  return true
}
export const stateDelta = (folding: Folding, place: RunPlace | undefined, { doc, patch }: StateDelta): boolean => {
  const { state } = folding.view
  const patched = applyPatch(Object.hasOwn(state, doc) ? state[doc]! : null, patch)
  return patched.ok && stateSnapshot(folding, place, { doc, value: patched.value })
}
