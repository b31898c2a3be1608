/**
 * Requests to Mosquitto's dynamic security plugin, over a connection of their own: commands go to `$CONTROL/dynamic-security/v1`,
 * and their answers come, to this connection alone, on `…/response`.
 *
 * https://mosquitto.org/documentation/dynamic-security/
 */
import { GatewayUnavailable } from "../../../src/ports/GatewayError.ts"
import type { Line, LineOptions } from "./line.ts"
import { reasonOf } from "./reasons.ts"

export type Command = { readonly command: string } & Readonly<Record<string, unknown>>
export interface Answer {
  readonly command: string
  /** Why it was not done. */
  readonly error?: string
  readonly data?: Readonly<Record<string, unknown>>
}
export interface Control {
  /** One answer for each command, in their order. Rejects with a `Reason`; errors of single commands do not reject. */
  readonly request: (commands: readonly Command[]) => Promise<readonly Answer[]>
  readonly close: () => void
}
const TOPIC = "$CONTROL/dynamic-security/v1"

export const makeControl = (
  open: (onMessage: NonNullable<LineOptions["onMessage"]>) => Promise<Line>,
  timeoutMillis: number
): Control => {
  const waiting = new Map<string, PromiseWithResolvers<readonly Answer[]>>()
  let opening: Promise<Line> | undefined
  let nextId = 1
  let closed = false

  const receive = (_topic: string, text: string) => {
    const { responses } = JSON.parse(text) as { readonly responses: readonly (Answer & { correlationData?: string })[] }
    const id = responses[0]?.correlationData ?? ""
    waiting.get(id)?.resolve(responses)
    waiting.delete(id)
  }
  const connect = (): Promise<Line> => {
    const mine = open(receive).then(async (line) => {
      if (closed) line.close()
      void line.closed.then(() => {
        forget()
        fail(new Error("the connection to the broker closed"))
      })
      try {
        await line.subscribe([`${TOPIC}/response`])
      } catch (cause) {
        line.close()
        throw cause
      }
      return line
    })
    const forget = () => {
      if (opening === mine) opening = undefined
    }
    mine.catch(forget)
    return mine
  }
  const fail = (cause: Error) => {
    for (const { reject } of waiting.values()) reject(reasonOf(cause))
    waiting.clear()
  }
  return {
    request: async (commands) => {
      const line = await (opening ??= connect())
      const id = String(nextId++)
      const answered = Promise.withResolvers<readonly Answer[]>()
      waiting.set(id, answered)
      const timer = setTimeout(
        () =>
          answered.reject(new GatewayUnavailable({ cause: new Error("the dynamic security plugin did not answer") })),
        timeoutMillis
      )
      const [first, ...others] = commands
      const text = JSON.stringify({ commands: [{ ...first, correlationData: id }, ...others] })
      // the broker's own answer follows the plugin's, or says why there is none
      line.publish(TOPIC, text, { qos: 1 }).catch(answered.reject)
      try {
        return await answered.promise
      } finally {
        clearTimeout(timer)
        waiting.delete(id)
      }
    },
    close: () => {
      closed = true
      void opening?.then(
        (line) => line.close(),
        () => {}
      )
    }
  }
}
