/**
 * The client half for Socket.IO, on the vendor's client: browsers and Node.
 *
 * The vendor's reconnecting is off, and so is its recovery: a cut ends the connection, and the caller asks for a new
 * grant. Nothing is ever buffered for later.
 */
import { io, type Socket } from "socket.io-client"
import type { GatewayClient, GatewayConnection } from "../../../src/client/GatewayClient.ts"
import type { Json } from "../../../src/protocol/Json.ts"
import { addressOf, type FromClient, type FromGateway } from "./wire.ts"

export interface SocketIoClientOptions {
  /**
   * Begins with HTTP long polling and goes over to a WebSocket where one opens. The node has to allow it, and several
   * nodes need sticky sessions. Default: WebSocket only.
   */
  readonly polling?: boolean
}
const OPEN_WITHIN_MILLIS = 10_000

export const socketIoClient = (options: SocketIoClientOptions = {}): GatewayClient => ({
  name: "socket.io",
  connect: (grant, handlers): GatewayConnection => {
    const { path, uri } = addressOf(grant.url)
    const socket: Socket<FromGateway, FromClient> = io(uri, {
      path,
      auth: { token: grant.token },
      transports: options.polling ? ["polling", "websocket"] : ["websocket"],
      reconnection: false,
      // one connection of its own, also where the page has others to the same host
      forceNew: true,
      timeout: OPEN_WITHIN_MILLIS
    })
    let isClosed = false
    const close = (message: string) => {
      if (isClosed) return
      isClosed = true
      clearTimeout(deadline)
      socket.disconnect()
      queueMicrotask(() => handlers.onClosed({ message }))
    }
    const alive = () => {
      if (!isClosed) handlers.onAlive()
    }
    // the vendor's own limit ends when the transport is open
    const deadline = setTimeout(() => close(`not open within ${OPEN_WITHIN_MILLIS} ms`), OPEN_WITHIN_MILLIS)
    socket.onAny(alive)
    socket.io.on("ping", alive)
    socket.on("open", () => {
      clearTimeout(deadline)
      if (!isClosed) handlers.onOpen()
    })
    socket.on("frame", (frame) => {
      if (!isClosed && typeof frame === "string") handlers.onFrame(frame)
    })
    socket.on("connect_error", ({ message }) => close(message))
    socket.on("disconnect", (reason) => close(reason))

    const invoke = async (event: string, data: Json, { timeoutMillis }: { readonly timeoutMillis: number }) => {
      // what is sent over a closed socket would wait for the next
      if (!socket.connected) throw new Error("the connection is not open")
      const answer = await socket.timeout(timeoutMillis).emitWithAck("invoke", event, data)
      if (answer.ok) return answer.reply
      throw new Error(answer.problem)
    }
    return {
      ...(grant.upstream ? { invoke } : {}),
      ping: () => void (socket.connected && socket.emit("ping", alive)),
      close: () => close("closed by the caller")
    }
  }
})
