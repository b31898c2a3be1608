import { afterAll, beforeAll, describe } from "vitest"
import { postgresLog } from "../../../adapters/logs/postgres/log.ts"
import { hasPostgres, startPostgres } from "../postgres.ts"
import type { Postgres } from "../postgres.ts"
import { conforms } from "./conform.ts"

describe.skipIf(!hasPostgres())("the Postgres log", () => {
  let postgres: Postgres
  beforeAll(async () => {
    postgres = await startPostgres()
  })
  afterAll(() => postgres?.close())
  conforms(async () => postgresLog({ connection: postgres.url() }))
})
