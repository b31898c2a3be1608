/** The app's backend: threads in Azure Tables, jobs in a Storage Queue, frames over Azure Web PubSub. */
import { createBackend } from "throughline"
import { azureWebPubSub } from "throughline/adapters/gateways/azure-web-pubsub"
import { tablesLog } from "throughline/adapters/logs/azure-tables"
import { storageQueue } from "throughline/adapters/queues/azure-storage-queue"
import { authenticate, authorize } from "./access.ts"
import { agents } from "./agents.ts"
import type { Settings } from "./settings.ts"

export const makeBackend = (settings: Settings) =>
  createBackend({
    agents,
    log: tablesLog({ connectionString: settings.storage }, { table: settings.table }),
    queue: storageQueue({ connectionString: settings.storage, queueName: settings.queueName }),
    // the host checks the function key of `upstream`
    gateway: azureWebPubSub({ ...settings.webPubSub, upstreamKey: "host" }),
    authenticate: authenticate(settings.access),
    authorize,
    origins: settings.origins
  })
