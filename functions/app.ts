/**
 * The Azure Functions app: what `func azure functionapp publish` ships, as one bundle in `dist`.
 *
 * The backend and the Azure SDKs behind it are loaded at the first call, so that the app starts fast, and a wrong
 * setting is an error of the call that needs it, with its name, instead of an app that does not start.
 */
import { app } from "@azure/functions"
import { mount } from "throughline/adapters/frameworks/azure-functions"
import { queueName, readSettings } from "./settings.ts"

const load = async () => {
  const settings = readSettings()
  const { makeBackend } = await import("./backend.ts")
  return makeBackend(settings)
}
let loading: ReturnType<typeof load> | undefined
/** One backend for the process. */
const backend = () => (loading ??= load())

mount(
  app,
  {
    fetch: async (request) => (await backend()).fetch(request),
    work: async (job, options) => (await backend()).work(job, options),
    sweep: async () => (await backend()).sweep()
  },
  { queueName: queueName() }
)
