// The functions of serverless.yml. Its settings come from the environment, as in a real function.
import { awsHttpHandler, awsWebSocketHandler } from "../../../adapters/gateways/aws-api-gateway/lambda.ts"

const { BACKEND_URL, DYNAMODB_URL, GATEWAY_KEY, TABLE } = process.env

export const socket = awsWebSocketHandler({
  key: GATEWAY_KEY,
  table: TABLE,
  region: "eu-central-1",
  dynamodbUrl: DYNAMODB_URL,
  backend: BACKEND_URL
})

/** Answers what it was asked. */
export const http = awsHttpHandler(async (request) =>
  Response.json(
    {
      method: request.method,
      url: request.url,
      headers: Object.fromEntries(request.headers),
      body: await request.text()
    },
    { status: 201, headers: { "x-echo": "yes" } }
  )
)
