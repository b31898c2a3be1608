/**
 * The gateway of the bench: the emulator, in a process of its own.
 */
import { startEmulator, type Emulator } from "../../../src/emulator/emulator.ts"
import { answer } from "../child.ts"
import { clock } from "../workload.ts"

let emulator: Emulator | undefined
answer({
  listen: async ({ restDelayMillis }: { readonly restDelayMillis: number }) => {
    emulator = await startEmulator()
    emulator.faults.restDelayMillis = restDelayMillis
    return emulator.connectionString
  },
  /** Cuts every socket, the workers' too. Answers when. */
  cut: () => {
    emulator?.cut()
    return clock()
  }
})
