/**
 * What AWS answers, as reasons of the port. Only the name and the status of an error go on: what it says may name roles
 * and, for a wrong signature, hold the session token.
 */
import { messageOf } from "../../../src/gateway/errors.ts"
import {
  GatewayRefused,
  GatewayThrottled,
  GatewayUnavailable,
  type GatewayError
} from "../../../src/ports/GatewayError.ts"

/** A peer that is not installed. */
export class PackageMissing extends Error {
  readonly remedy: string
  constructor(name: string) {
    super(`${name} is not installed`)
    this.remedy = `aws-api-gateway needs a package: npm install ${name}`
  }
}
interface SdkError {
  readonly name?: string
  readonly $metadata?: { readonly httpStatusCode?: number }
}
/** API Gateway and DynamoDB have no word for when to come back. */
const RETRY_MILLIS = 1_000
const THROTTLED =
  /^(LimitExceeded|Throttling|ThrottlingException|TooManyRequests|ProvisionedThroughputExceeded|RequestLimitExceeded)/
const DENIED =
  /^(AccessDenied|Forbidden|UnrecognizedClient|InvalidSignature|ExpiredToken|MissingAuthenticationToken|IncompleteSignature|NotAuthorized)/

const statusOf = (cause: unknown) => (Object(cause) as SdkError).$metadata?.httpStatusCode ?? 0
const nameOf = (cause: unknown) => String((Object(cause) as SdkError).name)

/** The connection has ended. An emulator has the status alone; an id that API Gateway cannot read is nobody's. */
export const isGone = (cause: unknown): boolean =>
  statusOf(cause) === 410 || nameOf(cause) === "GoneException" || nameOf(cause) === "BadRequestException"

export const reasonOf = (cause: unknown): GatewayError["reason"] => {
  if (cause instanceof PackageMissing) return new GatewayRefused({ status: 0, remedy: cause.remedy })
  const [name, status] = [nameOf(cause), statusOf(cause)]
  if (name === "CredentialsProviderError")
    return new GatewayRefused({ status: 0, remedy: "awsApiGateway() found no AWS credentials: give it `credentials`" })
  if (status === 429 || THROTTLED.test(name)) return new GatewayThrottled({ retryAfterMillis: RETRY_MILLIS })
  if (status === 401 || status === 403 || DENIED.test(name)) {
    return new GatewayRefused({
      status,
      remedy: `awsApiGateway(): check \`credentials\`, and that their policy allows execute-api:ManageConnections and the table (${name})`
    })
  }
  if (name === "ResourceNotFoundException")
    return new GatewayRefused({ status, remedy: "awsApiGateway(): there is no such `table` in `region`" })
  if (status >= 400 && status < 500)
    return new GatewayRefused({
      status,
      remedy: `awsApiGateway(): check \`url\`, \`callbackUrl\` and \`table\` (${name})`
    })
  if (status > 0) return new GatewayUnavailable({ cause: new Error(`AWS answered ${status} (${name})`) })
  return new GatewayUnavailable({ cause: new Error(messageOf(cause)) })
}
