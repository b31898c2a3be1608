/** Makes a plan that fails smaller, as long as it fails: first the kinds of fault, then the actions, greedily. */
import type { Invariant } from "../../src/conformance/historyRecords.ts"
import type { Plan } from "./plan.ts"
import { play } from "./schedule.ts"

const TRIES = 400

/** `plan` breaches one of `invariants`; so does what is answered. */
export const shrink = async (plan: Plan, invariants: ReadonlySet<Invariant>): Promise<Plan> => {
  let smallest = plan
  let tries = 0
  const fails = async (smaller: Plan) => {
    if (tries++ >= TRIES) return false
    const { breaches } = await play(smaller)
    return breaches.some(({ invariant }) => invariants.has(invariant))
  }
  const attempt = async (smaller: Plan) => {
    if (!(await fails(smaller))) return false
    smallest = smaller
    return true
  }
  for (let before: Plan | undefined; before !== smallest && tries < TRIES;) {
    before = smallest
    for (const fault of Object.keys(smallest.rates)) {
      const { [fault as keyof Plan["rates"]]: _, ...rates } = smallest.rates
      await attempt({ ...smallest, rates })
    }
    await attempt({ ...smallest, skews: { store: 0, processes: [] } })
    for (let at = smallest.actions.length - 1; at >= 0; at--)
      await attempt({ ...smallest, actions: smallest.actions.filter((_, index) => index !== at) })
  }
  return smallest
}
