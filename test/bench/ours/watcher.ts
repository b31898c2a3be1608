/**
 * Throughline's watchers: one thread and one connection of Azure's client per run, the view's text as it grows.
 */
import { azureWebPubSubClient } from "throughline/adapters/gateways/azure-web-pubsub/client"
import { openThread, type View, type ViewPart } from "throughline/client"
import { answer } from "../child.ts"
import { clock, watchers, type Expected } from "../workload.ts"

/**
 * Notes at each view how far the run's newest text reaches, and when; `read` takes the tokens from the text later. (To
 * read a growing text at every token would copy it every time: a page does that once per frame, not per token.)
 */
const follow = () => {
  let noted: { readonly part: number; readonly length: number; readonly at: number }[] = []
  let seen = 0
  let part = 0
  let known = 0
  let parts: readonly ViewPart[] = []
  return {
    see: (view: View) => {
      const at = clock()
      parts = view.messages.at(-1)?.parts ?? []
      for (; seen < parts.length; seen++) {
        const shown = parts[seen]!
        if (shown.type === "text") noted.push({ part: seen, length: shown.text.length, at })
        // of what is shown only the newest part can grow
        if (seen === parts.length - 1) break
      }
    },
    read: (show: (text: string, at: number) => void) => {
      const notes = noted
      noted = []
      for (const note of notes) {
        if (note.part !== part) known = 0
        part = note.part
        const shown = parts[part]
        if (shown?.type !== "text" || note.length === known) continue
        show(shown.text.slice(known, note.length), note.at)
        known = note.length
      }
    }
  }
}

const following: { readonly run: number; readonly follower: ReturnType<typeof follow> }[] = []
let watching: ReturnType<typeof watchers> | undefined
answer({
  watch: async ({ endpoint, runs }: { readonly endpoint: string; readonly runs: number }) => {
    const all = watchers(runs)
    watching = all
    const gateways = [azureWebPubSubClient()]
    const open = async (run: number) => {
      // a token function of its own keeps the run's socket its own, as with the other contenders
      const thread = openThread({ endpoint, thread: `bench-${run}`, gateways, token: () => `watcher-${run}` })
      await new Promise<void>((resolve) => thread.subscribe((_, connection) => connection === "live" && resolve()))
      const follower = follow()
      following.push({ run, follower })
      thread.subscribe(follower.see)
      const started = await thread.start("typist", { run })
      if (!started.ok) throw new Error(started.error.message)
    }
    const waiting = Array.from({ length: runs }, (_, run) => run)
    const openNext = async (): Promise<void> => {
      for (let run = waiting.shift(); run !== undefined; run = waiting.shift()) await open(run)
    }
    await Promise.all(Array.from({ length: 8 }, openNext))
  },
  seen: async (expected: Expected) => {
    const read = () => {
      for (const { follower, run } of following) follower.read((text, at) => watching?.append(run, text, at))
    }
    const reading = setInterval(read, 10)
    read()
    const seen = await watching?.seen(expected)
    clearInterval(reading)
    return seen
  }
})
