/**
 * The gateway of the bench: the emulator, in a process of its own.
 */
import { startEmulator } from "../../../src/emulator/emulator.ts"
import { answer } from "../child.ts"

answer({
  listen: async ({ restDelayMillis }: { readonly restDelayMillis: number }) => {
    const emulator = await startEmulator()
    emulator.faults.restDelayMillis = restDelayMillis
    return emulator.connectionString
  }
})
