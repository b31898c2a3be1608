/** Whether a process lets go of its runs, and who must hear of it. */
import type { AgentServices } from "./AgentServices.ts"

export const makeDraining = (): Pick<AgentServices, "onDrain" | "drain"> => {
  const listeners = new Set<() => void>()
  let draining = false
  return {
    onDrain: (listener) => {
      listeners.add(listener)
      if (draining) listener()
      return () => listeners.delete(listener)
    },
    drain: () => {
      draining = true
      for (const listener of listeners) listener()
    }
  }
}
