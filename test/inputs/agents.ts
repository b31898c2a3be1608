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
export const agents = [echo, patient]
