/** HTTP for the same backend: an HTTP API's event (payload format 2.0, a function URL's too) as `Request`, and back. */
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from "aws-lambda"

const TEXT = /^(text\/|application\/json)/

/** `fetch` is `backend.fetch`. Rejects with what it rejects with; API Gateway then answers 500. */
export const awsHttpHandler =
  (fetch: (request: Request) => Promise<Response>) =>
  async (event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> =>
    fromResponse(await fetch(toRequest(event)))

const toRequest = ({
  body,
  cookies,
  headers,
  isBase64Encoded,
  rawPath,
  rawQueryString,
  requestContext
}: APIGatewayProxyEventV2) => {
  const { domainName, http, stage } = requestContext
  // with a stage of its own the path begins with it
  const path = stage !== "$default" && rawPath.startsWith(`/${stage}/`) ? rawPath.slice(stage.length + 1) : rawPath
  const url = `https://${domainName}${path}${rawQueryString === "" ? "" : `?${rawQueryString}`}`
  const given = new Headers()
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) given.set(name, value)
  if (cookies !== undefined) given.set("cookie", cookies.join("; "))
  const hasBody = body !== undefined && http.method !== "GET" && http.method !== "HEAD"
  return new Request(url, {
    method: http.method,
    headers: given,
    ...(hasBody ? { body: Buffer.from(body, isBase64Encoded ? "base64" : "utf8") } : {})
  })
}

const fromResponse = async (response: Response): Promise<APIGatewayProxyStructuredResultV2> => {
  const headers = Object.fromEntries([...response.headers].filter(([name]) => name !== "set-cookie"))
  const cookies = response.headers.getSetCookie()
  const bytes = Buffer.from(await response.arrayBuffer())
  const isText = TEXT.test(response.headers.get("content-type") ?? "")
  return {
    statusCode: response.status,
    headers,
    ...(cookies.length === 0 ? {} : { cookies }),
    body: bytes.toString(isText ? "utf8" : "base64"),
    isBase64Encoded: !isText
  }
}
