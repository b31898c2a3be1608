/** The schema of a fault. PROTOCOL.md#errors */
import * as Schema from "effect/Schema"
import { Count, open } from "./open.ts"

export const Fault = open({
  code: Schema.String,
  message: Schema.String,
  retryable: Schema.Boolean,
  path: Schema.optionalKey(Schema.String),
  limit: Schema.optionalKey(Count),
  expected: Schema.optionalKey(Schema.String),
  got: Schema.optionalKey(Schema.String),
  retryAfterMillis: Schema.optionalKey(Count),
  head: Schema.optionalKey(open({ logId: Schema.String, offset: Count, id: Schema.String }))
})
