/** People of the study who post to the backend over HTTP. */
import { Agent, request } from "node:http"
import { randomUUID } from "node:crypto"
import { answer } from "../child.ts"
import { sendChat, type Chat } from "./chat.ts"

const agent = new Agent({ keepAlive: true })

/** Rejects unless the message was taken. */
const post = (url: string, body: string) =>
  new Promise<void>((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) }
    const call = request(url, { agent, method: "POST", headers }, (response) => {
      response.resume().on("end", () => {
        if (response.statusCode! < 300) resolve()
        else reject(new Error(`a message was answered with ${response.statusCode}`))
      })
    })
    call.on("error", reject)
    call.end(body)
  })

answer({
  send: ({ chat, endpoint, thread }: { readonly chat: Chat; readonly endpoint: string; readonly thread: string }) =>
    sendChat(chat, (text) =>
      post(
        `${endpoint}/threads/${thread}/messages`,
        JSON.stringify({ id: randomUUID(), parts: [{ type: "text", text }] })
      )
    ),
  sendToFloor: ({ chat, port }: { readonly chat: Chat; readonly port: number }) =>
    sendChat(chat, (text) => post(`http://127.0.0.1:${port}`, JSON.stringify({ text })))
})
