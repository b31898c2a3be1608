/**
 * The worker process: takes runs from the queue and works on them, several at once.
 */
import process from "node:process"
import { startWorker } from "throughline/node"
import { createLibrarian } from "./agent.ts"
import { librarianBackend } from "./backend.ts"
import { openLibrary } from "./library.ts"
import { modelFromEnvironment } from "./model.ts"
import { connectParent, runChild } from "./parent.ts"

let close = async (): Promise<void> => {}
const parent = connectParent(() => close())

await runChild(parent, async () => {
  const settings = await parent.settings
  const [library, answerWithModel] = await Promise.all([openLibrary(settings.docs), modelFromEnvironment(process.env)])
  for (const problem of library.skipped()) process.stderr.write(`librarian: ${problem}, so it is left out\n`)
  const holdSeconds = Number(process.env["LIBRARIAN_HOLD_SECONDS"] ?? 20)
  const librarian = createLibrarian({
    library,
    holdSeconds,
    ...(answerWithModel === undefined ? {} : { answerWithModel })
  })
  const backend = await librarianBackend(settings, (await parent.gateway).settings, librarian)
  const worker = await startWorker(backend, { concurrency: 8 })
  close = async () => {
    await worker.close()
    await backend.close()
  }
  parent.say({ type: "ready" })
})
