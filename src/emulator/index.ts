/**
 * The emulator's public entry: a local Azure Web PubSub for laptops and tests, in this process or as one of its own.
 */
export { EmulatorRefused, startEmulator } from "./emulator.ts"
export type { ConnectionFilter, Emulator, EmulatorOptions } from "./emulator.ts"
export type { ConnectionInfo, Protocol } from "./connection.ts"
export { EventHandlerRefused } from "./eventHandlers.ts"
export type { EventHandler, SystemEvent } from "./eventHandlers.ts"
export type { Faults } from "./faults.ts"
export type { LogLine, Stats } from "./service.ts"
export { runEmulatorCommand } from "./command.ts"
