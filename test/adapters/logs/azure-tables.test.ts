import { afterAll, beforeAll, describe } from "vitest"
import { tablesLog } from "../../../adapters/logs/azure-tables/log.ts"
import { hasAzurite, startAzurite } from "../azurite.ts"
import type { Azurite } from "../azurite.ts"
import { conforms } from "./conform.ts"

describe.skipIf(!hasAzurite())("the Azure Tables log, on Azurite", () => {
  let azurite: Azurite
  beforeAll(async () => {
    azurite = await startAzurite()
  })
  afterAll(() => azurite?.close())
  conforms(async () => tablesLog({ connectionString: azurite.connectionString }))
})
