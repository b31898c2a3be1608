/**
 * The inside of a bench process: answers the commands that `Process.call` sends, ends when the bench does.
 */
interface Call {
  readonly id: number
  readonly command: string
  readonly argument: never
}
type Command = (argument: never) => unknown

export const answer = (commands: Readonly<Record<string, Command>>): void => {
  const cpuMicros = () => {
    const { user, system } = process.cpuUsage()
    return user + system
  }
  const all: Readonly<Record<string, Command>> = { ...commands, cpuMicros }
  process.on("message", ({ id, command, argument }: Call) => {
    Promise.resolve()
      .then(() => {
        const run = all[command]
        if (!run) throw new Error(`no command ${command}`)
        return run(argument)
      })
      .then(
        (value) => process.send?.({ id, value }),
        (error: unknown) => process.send?.({ id, error: String(error) })
      )
  })
  process.on("disconnect", () => process.exit(0))
}
