/**
 * The Azure Functions app: what `func azure functionapp publish` ships, as one bundle in `dist`.
 *
 * The backend and the Azure SDKs behind it are loaded at the first call, so that the app starts fast, and a wrong
 * setting is an error of the call that needs it, with its name, instead of an app that does not start.
 */
import { app } from "@azure/functions"
import { mount } from "throughline/adapters/frameworks/azure-functions"
import { queueName, readSettings } from "./settings.ts"

const start = async () => {
  const settings = readSettings()
  const { makeBackend } = await import("./backend.ts")
  const backend = makeBackend(settings)
  try {
    await backend.ready()
  } catch (error) {
    await backend.close()
    throw error
  }
  return backend
}
let starting: ReturnType<typeof start> | undefined
/** One backend for the process. A failed start is tried again by the next call: the store may be back by then. */
const backend = () =>
  (starting ??= start().catch((error: unknown) => {
    starting = undefined
    throw error
  }))

mount(
  app,
  {
    fetch: async (request) => (await backend()).fetch(request),
    work: async (job, options) => (await backend()).work(job, options),
    sweep: async () => (await backend()).sweep()
  },
  { queueName: queueName() }
)
