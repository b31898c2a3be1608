/**
 * The app's backend: threads in Azure Tables, jobs in a Storage Queue, frames over Azure Web PubSub. It connects with keys
 * or with the app's managed identity, as the settings say.
 */
import type { TokenCredential } from "@azure/core-auth"
import { createBackend } from "throughline"
import { storageBlobs } from "throughline/adapters/blobs/azure-storage-blob"
import { azureWebPubSub } from "throughline/adapters/gateways/azure-web-pubsub"
import { tablesLog } from "throughline/adapters/logs/azure-tables"
import { storageQueue } from "throughline/adapters/queues/azure-storage-queue"
import { authenticate, authorize } from "./access.ts"
import { agents } from "./agents.ts"
import type { Identity, Settings } from "./settings.ts"

/** Asks for tokens when they are needed first. The SDKs keep them until shortly before they expire. */
const credentialOf = ({ clientId }: Identity): TokenCredential => {
  const load = async () => (await import("./identity.ts")).managedIdentity(clientId)
  let loading: ReturnType<typeof load> | undefined
  return { getToken: async (scopes, options) => (await (loading ??= load())).getToken(scopes, options) }
}
const account = (storage: Settings["storage"], service: "tables" | "queues" | "blobs") =>
  "connectionString" in storage ? storage : { url: storage[service], credential: credentialOf(storage) }
const gateway = ({ hub, ...resource }: Settings["webPubSub"]) => {
  // the host checks the function key of `upstream`
  const common = { hub, upstreamKey: "host" }
  if ("connectionString" in resource) return azureWebPubSub({ ...common, ...resource })
  const { endpoint, otherSecret, secret } = resource
  return azureWebPubSub({
    ...common,
    endpoint,
    credential: credentialOf(resource),
    connectionStateSecret: secret,
    otherConnectionStateSecret: otherSecret
  })
}

/** Where results go that are too large for the log. */
export const makeBlobs = ({ container, storage }: Settings) => storageBlobs({ ...account(storage, "blobs"), container })

export const makeBackend = (settings: Settings) =>
  createBackend({
    agents,
    log: tablesLog(account(settings.storage, "tables"), { table: settings.table }),
    queue: storageQueue({ ...account(settings.storage, "queues"), queueName: settings.queueName }),
    gateway: gateway(settings.webPubSub),
    blobs: makeBlobs(settings),
    authenticate: authenticate(settings.access),
    authorize,
    origins: settings.origins
  })
