/** The agents that bad inputs are sent to. */
import { defineAgent } from "throughline"
import * as z from "zod"

const echo = defineAgent({
  name: "echo",
  input: z.object({ text: z.string().max(100) }),
  run: async (run, { text }) => {
    await run.text(text)
  }
})
/** Works until it is stopped. */
const patient = defineAgent({
  name: "patient",
  input: z.object({}),
  onBusy: "parallel",
  run: (run) => new Promise<void>((resolve) => run.signal.addEventListener("abort", () => resolve()))
})
/** Asks before it writes, and chooses first; an edit must fit its schema. */
const asker = defineAgent({
  name: "asker",
  input: z.object({ fourEyes: z.boolean().optional() }),
  asks: { write: z.object({ path: z.string(), text: z.string().min(1) }) },
  onBusy: "parallel",
  run: async (run, { fourEyes = false }) => {
    const input = { path: "plan.md", text: "Read." }
    const approval = await run.ask.approval({ tool: "write", input, fourEyes })
    if (approval.approved) await run.tool("write", approval.input, () => "written", { approval })
  }
})
export const agents = [echo, patient, asker]
