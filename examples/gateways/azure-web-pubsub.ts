/** The local Azure Web PubSub, in this process. */
import { randomBytes } from "node:crypto"
import { startEmulator } from "throughline/emulator"
import type { StartGateway } from "./LocalGateway.ts"

const HUB = "throughline"

export const start: StartGateway = async ({ upstream }) => {
  const upstreamKey = randomBytes(32).toString("base64url")
  const emulator = await startEmulator()
  // asks the backend first, which answers when it has these settings
  const ready = emulator.setEventHandlers(HUB, [
    { urlTemplate: `${upstream}?code=${upstreamKey}`, userEventPattern: "*", systemEvents: ["connect"] }
  ])
  const { connectionString, url } = emulator
  return {
    settings: { name: "azure-web-pubsub", connectionString, hub: HUB, upstreamKey },
    connectsTo: [url.replace(/^http/, "ws")],
    ready,
    cut: () => void emulator.cut(),
    close: emulator.close
  }
}
