/** Agents and hosts that misbehave, each in a backend of its own. */
import { createBackend } from "throughline"
import { azureWebPubSub } from "throughline/adapters/gateways/azure-web-pubsub"
import { wsGateway } from "throughline/adapters/gateways/ws"
import { startWsGateway } from "throughline/adapters/gateways/ws/gateway"
import { memoryLog } from "throughline/adapters/logs/memory"
import { memoryQueue } from "throughline/adapters/queues/memory"
import { deriveSecrets, sealTicket } from "../../src/gateway/secrets.ts"
import type { Run } from "../../src/agent/Run.ts"
import { testAgent } from "../../src/testing/testAgent.ts"
import { agentOf } from "../agent/world.ts"
import { agents } from "./agents.ts"
import { answerOf, type Answer } from "./side.ts"

const gateway = () => wsGateway({ url: "http://127.0.0.1:1", key: "a key of nobody's, of 32 and more characters" })

export const agentRun = (body: (run: Run) => Promise<unknown>) => testAgent(agentOf("odd", body), { input: {} })

export const settings = {
  azure: azureWebPubSub,
  plain: wsGateway,
  startPlain: startWsGateway,
  /** A backend that is started with this. */
  ready: async ({ secret, twice = false }: { readonly secret?: string; readonly twice?: boolean }) => {
    const backend = createBackend({
      agents: twice ? [agents[0]!, agents[0]!] : agents,
      log: memoryLog(),
      queue: memoryQueue(),
      gateway: gateway(),
      authenticate: () => null,
      authorize: () => false,
      ...(secret === undefined ? {} : { secret })
    })
    try {
      await backend.ready()
    } finally {
      await backend.close()
    }
  }
}
type Odd = "throws" | "odd" | "authorize throws" | "authorize 1" | "authorize yes" | "authorize undefined"
/** A request to a backend whose host's functions do this. */
export const hooked = async (odd: Odd): Promise<Answer> => {
  const backend = createBackend({
    agents,
    log: memoryLog(),
    queue: memoryQueue(),
    gateway: gateway(),
    authenticate: () => {
      if (odd === "throws") throw new Error("hidden-cause")
      return { id: odd === "odd" ? "a\nb" : "ann" }
    },
    authorize: () => {
      if (odd === "authorize throws") throw new Error("hidden-cause")
      return { "authorize 1": 1, "authorize yes": "yes" }[odd as string] as never
    }
  })
  try {
    const response = await backend.fetch(new Request("http://test/threads/t1/view"))
    return await answerOf(response)
  } finally {
    await backend.close()
  }
}
/** A ticket that another key sealed. */
export const foreignTicket = (): Promise<string> =>
  sealTicket(
    deriveSecrets("ws", "another key of thirty-two characters"),
    { principal: { id: "ann", tenant: "acme" }, groups: ["g"], worker: false },
    Date.now() + 60_000
  )
