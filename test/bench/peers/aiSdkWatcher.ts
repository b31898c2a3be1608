/**
 * The AI SDK's client: its chat transport and its reader, which builds the message anew with every chunk.
 */
import { DefaultChatTransport, readUIMessageStream, type UIMessage } from "ai"
import { answer } from "../child.ts"
import { watchers, type Expected } from "../workload.ts"

let watching: ReturnType<typeof watchers> | undefined
const textOf = (message: UIMessage) => message.parts.map((part) => (part.type === "text" ? part.text : "")).join("")

answer({
  watch: async ({ port, runs }: { readonly port: number; readonly runs: number }) => {
    const all = watchers(runs)
    watching = all
    for (let run = 0; run < runs; run++) {
      const transport = new DefaultChatTransport({ api: `http://127.0.0.1:${port}/${run}` })
      const stream = await transport.sendMessages({
        trigger: "submit-message",
        chatId: `chat-${run}`,
        messageId: undefined,
        messages: [{ id: "u", role: "user", parts: [{ type: "text", text: "go on" }] }],
        abortSignal: undefined
      })
      const messages = readUIMessageStream({ stream })[Symbol.asyncIterator]()
      await messages.next()
      void (async () => {
        for (let next = await messages.next(); !next.done; next = await messages.next())
          all.show(run, textOf(next.value))
      })()
    }
  },
  seen: (expected: Expected) => watching?.seen(expected)
})
