/**
 * Answers what a run asks, from the terminal: by a flag, by whoever sits there, or by no when nobody does.
 *
 * Questions go to standard error, so that standard output stays what the run says.
 */
import { createInterface } from "node:readline/promises"
import type { KnownEvent, Thread } from "throughline/client"

export type Decision = "approve" | "deny"
interface Said {
  readonly yes: boolean
  readonly reason?: string
}
type Opened = Extract<KnownEvent, { readonly type: "ask.opened" }>

/** `given`: decides without asking anybody. */
export const decider = (
  thread: Pick<Thread, "approve" | "deny">,
  given: Decision | undefined
): ((event: { readonly type: string }) => void) => {
  const open = new Map<string, AbortController>()
  const tell = (text: string): void => void process.stderr.write(`${text}\n`)

  const answer = async (asked: Opened, signal: AbortSignal): Promise<void> => {
    const ask = { ...asked, id: asked.ask }
    const said: Said | undefined = given === undefined ? await askPerson(signal) : { yes: given === "approve" }
    if (said === undefined) tell("It is denied, because nobody can be asked here: use a terminal, --approve or --deny.")
    const reason = said === undefined ? "nobody was at the terminal" : said.reason
    const receipt =
      said?.yes === true ? await thread.approve(ask) : await thread.deny(ask, reason === undefined ? {} : { reason })
    if (!receipt.ok) tell(`${receipt.error.message} (${receipt.error.code})`)
  }
  return (raw) => {
    const event = raw as KnownEvent
    if (event.type === "ask.opened" && event.kind === "approval") {
      const abort = new AbortController()
      open.set(event.ask, abort)
      answer(event, abort.signal).catch((error: unknown) => {
        // somebody else decided meanwhile
        if (!abort.signal.aborted) tell(error instanceof Error ? error.message : String(error))
      })
    } else if (event.type === "ask.resolved") {
      open.get(event.ask)?.abort()
      open.delete(event.ask)
    }
  }
}

/** `undefined` where there is no terminal. Rejects when `signal` aborts. */
const askPerson = async (signal: AbortSignal): Promise<Said | undefined> => {
  if (process.stdin.isTTY !== true) return undefined
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  // readline takes Ctrl-C for itself
  terminal.on("SIGINT", () => process.kill(process.pid, "SIGINT"))
  try {
    for (;;) {
      const word = (await terminal.question("Approve? y, or n and why: ", { signal })).trim()
      if (/^y(es)?$/i.test(word)) return { yes: true }
      const no = /^no?\b[\s:,]*(.*)$/i.exec(word)
      if (no !== null) return { yes: false, ...(no[1] === undefined || no[1] === "" ? {} : { reason: no[1] }) }
    }
  } finally {
    terminal.close()
  }
}
