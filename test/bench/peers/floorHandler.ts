/**
 * The floor's handler: produces tokens and publishes them with a POST over a kept-alive connection, in order, one in
 * flight per run. `merge` makes it the adaptive floor: the next POST takes all that piled up meanwhile.
 */
import { Agent, request } from "node:http"
import { answer } from "../child.ts"
import { pace, type Load } from "../workload.ts"

const agent = new Agent({ keepAlive: true })
let port = 0
let merge = false
const waiting = new Map<number, string[]>()
const inFlight = new Set<number>()

const post = (run: number, text: string, done: () => void) => {
  const body = JSON.stringify({ type: "text.delta", text })
  const call = request(
    {
      agent,
      host: "127.0.0.1",
      port,
      method: "POST",
      path: `/publish?group=${run}`,
      headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body) }
    },
    (response) => response.resume().on("end", done)
  )
  call.on("error", (error) => {
    throw error
  })
  call.end(body)
}
const flush = (run: number) => {
  const queue = waiting.get(run)
  if (!queue || queue.length === 0 || inFlight.has(run)) return
  inFlight.add(run)
  const text = merge ? queue.splice(0).join("") : (queue.shift() ?? "")
  post(run, text, () => {
    inFlight.delete(run)
    flush(run)
  })
}

answer({
  use: (options: { readonly port: number; readonly merge: boolean }) => {
    port = options.port
    merge = options.merge
  },
  produce: (load: Load) =>
    pace(load, (run, text) => {
      const queue = waiting.get(run)
      if (queue) queue.push(text)
      else waiting.set(run, [text])
      flush(run)
    })
})
