/**
 * The emulator as a process of its own: `node src/emulator/main.ts --port 7080`. What it prints: `command.ts`.
 */
import { runEmulatorCommand } from "./command.ts"

await runEmulatorCommand(process.argv.slice(2))
