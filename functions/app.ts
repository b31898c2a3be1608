/**
 * The Azure Functions app: what `func azure functionapp publish` ships, as one bundle in `dist`.
 *
 * The backend and the Azure SDKs behind it are loaded at the first call, so that the app starts fast, and a wrong
 * setting is an error of the call that needs it, with its name, instead of an app that does not start.
 */
import { app } from "@azure/functions"
import { mount } from "throughline/adapters/frameworks/azure-functions"
import { readSettings } from "./settings.ts"
import type * as BackendModule from "./backend.ts"

let loading: Promise<ReturnType<typeof BackendModule.makeBackend>> | undefined
/** One backend for the process; a failed start is tried again by the next call. */
const backend = () =>
  (loading ??= import("./backend.ts")
    .then(({ makeBackend }) => makeBackend(readSettings()))
    .catch((error: unknown) => {
      loading = undefined
      throw error
    }))

mount(
  app,
  {
    fetch: async (request) => (await backend()).fetch(request),
    work: async (job, options) => (await backend()).work(job, options),
    sweep: async () => (await backend()).sweep()
  },
  { queueName: process.env["THROUGHLINE_QUEUE"] ?? "throughline-jobs" }
)
