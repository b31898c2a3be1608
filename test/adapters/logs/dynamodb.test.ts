import { afterAll, beforeAll, describe } from "vitest"
import { dynamodbLog, dynamodbLogTable } from "../../../adapters/logs/dynamodb/log.ts"
import { CREDENTIALS, dynaliteMissing, REGION, startDynalite, type Dynalite } from "../dynalite.ts"
import { conforms } from "./conform.ts"

describe.skipIf(dynaliteMissing() !== undefined)("the DynamoDB log", () => {
  let dynalite: Dynalite
  beforeAll(async () => {
    dynalite = await startDynalite()
    await dynalite.createTable(dynamodbLogTable("log"))
  })
  afterAll(() => dynalite?.close())
  conforms(async () => dynamodbLog({ table: "log", region: REGION, credentials: CREDENTIALS, url: dynalite.url }))
})
