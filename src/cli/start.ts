/**
 * `throughline start`: the stack, until somebody stops it.
 */
import { startStack } from "./stack.ts"
import type { StackOptions } from "./stack.ts"

/** Resolves with the exit code. */
export const start = async (options: StackOptions): Promise<number> => {
  const stopped = Promise.withResolvers<"stopped">()
  const onSignal = (): void => stopped.resolve("stopped")
  process.once("SIGINT", onSignal)
  process.once("SIGTERM", onSignal)
  // A second Ctrl-C does not wait.
  process.once("SIGINT", () => process.once("SIGINT", () => process.exit(130)))

  const starting = startStack(options)
  const first = await Promise.race([starting, stopped.promise])
  if (first === "stopped") {
    await starting.then(
      (stack) => stack.close(),
      () => {}
    )
    return 0
  }
  process.stdout.write(
    `The librarian is ready.\n\n  Page      ${first.url}\n  Reads     ${options.docs}\n  Gateway   ${options.gateway}${options.gateway === "azure-web-pubsub" ? ", on its emulator" : ""}\n  Log       ${first.file}${options.data === undefined ? ", gone when you stop" : ""}\n\nCtrl-C stops it.\n`
  )
  const end = await Promise.race([first.failed, stopped.promise])
  await first.close()
  if (end === "stopped") return 0
  process.stderr.write(`${end}\n`)
  return 1
}
