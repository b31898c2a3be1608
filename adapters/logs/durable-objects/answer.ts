/** One request to an object of the log: the operation is the path, what it is given and what it answers is JSON. */
import { Refused, type Answer } from "./wire.ts"

/** `operations`: functions of what is given, by name. */
export const answer = async (request: Request, operations: object): Promise<Response> => {
  const name = new URL(request.url).pathname.slice(1)
  if (!Object.hasOwn(operations, name)) return new Response("unknown operation", { status: 404 })
  const operation = (operations as Record<string, (given: unknown) => unknown>)[name]!
  let answered: Answer
  try {
    answered = { value: await operation(await request.json()) }
  } catch (cause) {
    if (cause instanceof Refused) answered = { refusal: cause.refusal }
    else if (cause instanceof Error && /SQLITE_FULL|disk is full/.test(cause.message))
      answered = { refusal: { _tag: "LogFull", problem: cause.message } }
    else throw cause
  }
  return Response.json(answered)
}
