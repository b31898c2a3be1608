import { readFileSync } from "node:fs"
import * as Effect from "effect/Effect"
import { Client } from "pg"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { durabilityOf } from "../../../adapters/logs/postgres/durability.ts"
import { postgresLog } from "../../../adapters/logs/postgres/log.ts"
import type { PostgresLogOptions } from "../../../adapters/logs/postgres/log.ts"
import { grantSql, schemaSql } from "../../../adapters/logs/postgres/schema.ts"
import { logCases } from "../../../src/conformance/logCases.ts"
import { entriesOf, following, grow, newThread, snapshotAt } from "../../../src/conformance/logCase.ts"
import type { LogError } from "../../../src/ports/LogError.ts"
import { hasPostgres, PASSWORD, startPostgres } from "../postgres.ts"
import type { Postgres } from "../postgres.ts"
import { openLog } from "./conform.ts"

const README = new URL("../../../adapters/logs/postgres/README.md", import.meta.url)

describe.skipIf(!hasPostgres())("the Postgres log's tables", () => {
  let postgres: Postgres
  let admin: Client
  beforeAll(async () => {
    postgres = await startPostgres()
    admin = new Client(postgres.url())
    await admin.connect()
  })
  afterAll(async () => {
    await admin?.end()
    await postgres?.close()
  })
  const open = (options: Partial<PostgresLogOptions> = {}) =>
    openLog(postgresLog({ connection: postgres.url(), ...options }))
  const refusal = async (options: Partial<PostgresLogOptions>): Promise<LogError> => {
    const opened = await open(options).catch((cause: LogError) => cause)
    if ("close" in opened) throw new Error("the log was opened")
    return opened
  }
  /** What the catalog says about a schema: columns, and how keys and indexes are declared. */
  const described = async (schema: string) => {
    const columns = `SELECT table_name, column_name, data_type, collation_name, is_nullable, column_default
      FROM information_schema.columns WHERE table_schema = $1 ORDER BY 1, ordinal_position`
    const indexes = `SELECT replace(indexdef, $1, '') AS declared FROM pg_indexes WHERE schemaname = $1 ORDER BY 1`
    return [(await admin.query(columns, [schema])).rows, (await admin.query(indexes, [schema])).rows]
  }

  it("are made once, by whoever opens first of many", async () => {
    const opened = await Promise.all(Array.from({ length: 8 }, () => open({ schema: "many", connections: 2 })))
    const thread = newThread()
    await Effect.runPromise(grow(opened[0]!.log, thread, 1))
    expect((await Effect.runPromise(entriesOf(opened[7]!.log, thread))).length).toBe(1)
    await Promise.all(opened.map(({ close }) => close()))
  })
  it("are what the README says, and serve a role that may create nothing", async () => {
    const sql = schemaSql("throughline") + grantSql("throughline", "agents")
    expect(readFileSync(README, "utf8")).toContain(sql.trimEnd())
    await (await open({ schema: "made" })).close()
    await admin.query("CREATE ROLE agents LOGIN PASSWORD 'a'")
    await admin.query(sql)
    expect(await described("throughline")).toEqual(await described("made"))
    const narrow = { connection: postgres.url("agents", "a"), migrate: false }
    const [first, second] = [await open(narrow), await open({ ...narrow, migrate: true })]
    for (const { run } of logCases()) await Effect.runPromise(run(first.log, { second: second.log }))
    await first.close()
    await second.close()
  })
  it("are refused where they are missing, of another release, half there or in another encoding", async () => {
    const problem = async (options: Partial<PostgresLogOptions>) => {
      const { reason } = await refusal(options)
      return reason._tag === "LogCorrupt" ? `${reason.thread} ${reason.problem}` : reason.message
    }
    expect(await problem({ schema: "nowhere", migrate: false })).toContain("* schema nowhere has no tables")
    await (await open({ schema: "newer" })).close()
    await admin.query("UPDATE newer.log_version SET version = 2")
    expect(await problem({ schema: "newer" })).toContain("has version 2; this release reads version 1")
    await (await open({ schema: "half" })).close()
    await admin.query("DROP TABLE half.log_version")
    expect(await problem({ schema: "half" })).toContain("has tables of a log but no version")
    await admin.query("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    expect(await problem({ connection: postgres.url("postgres", PASSWORD, "latin") })).toContain("LATIN1")
    expect(() => postgresLog({ connection: postgres.url(), schema: `x"; DROP` })).toThrow(TypeError)
  })
  it("have rows that are checked when they are read, each thread for itself", async () => {
    const { log, close } = await open({ schema: "damaged" })
    const intact = newThread()
    await Effect.runPromise(grow(log, intact, 3))
    const damage = async (change: string, read: (thread: string) => Effect.Effect<unknown, LogError>) => {
      const thread = newThread()
      const { head } = await Effect.runPromise(grow(log, thread, 3))
      const noted = following(head, { notes: [{ key: "run/1", value: "kept" }], control: { v: 1 }, due: 5 })
      await Effect.runPromise(log.append(thread, noted))
      await Effect.runPromise(log.saveSnapshot(thread, snapshotAt(head)))
      await Effect.runPromise(log.trim(thread, 1))
      await admin.query(change.replaceAll("TABLE", "damaged"), [thread])
      const { reason } = await Effect.runPromise(Effect.flip(read(thread) as Effect.Effect<never, LogError>))
      expect((await Effect.runPromise(entriesOf(log, intact))).length).toBe(3)
      return reason._tag === "LogCorrupt" && reason.thread === thread ? reason.offset : reason.message
    }
    const page = (thread: string) => log.read(thread, 1, { limit: 10, maxBytes: 1e6 })
    const entries = "TABLE.entries"
    expect(await damage(`UPDATE ${entries} SET body = '{"n":9}' WHERE thread = $1 AND "offset" = 3`, page)).toBe(3)
    expect(await damage(`UPDATE ${entries} SET id = 'other' WHERE thread = $1 AND "offset" = 4`, page)).toBe(4)
    expect(await damage(`DELETE FROM ${entries} WHERE thread = $1 AND "offset" = 2`, page)).toBe(2)
    expect(await damage(`DELETE FROM ${entries} WHERE thread = $1 AND "offset" = 4`, page)).toBe(4)
    expect(await damage(`UPDATE TABLE.heads SET "offset" = 3 WHERE thread = $1`, log.head)).toBe(3)
    expect(await damage(`UPDATE TABLE.heads SET control = '{}' WHERE thread = $1`, log.head)).toBe(4)
    expect(await damage(`UPDATE TABLE.heads SET due = 6 WHERE thread = $1`, log.head)).toBe(4)
    expect(await damage("DELETE FROM TABLE.heads WHERE thread = $1", log.head)).toBe(0)
    expect(await damage("DELETE FROM TABLE.heads WHERE thread = $1", page)).toBe(0)
    expect(await damage("UPDATE TABLE.snapshots SET trimmed = 2 WHERE thread = $1", page)).toBe(0)
    expect(await damage("UPDATE TABLE.snapshots SET snapshot = '{}' WHERE thread = $1", log.snapshot)).toBe(1)
    const note = (thread: string) => log.note(thread, "run/1")
    expect(await damage("UPDATE TABLE.notes SET value = '1' WHERE thread = $1", note)).toBe(0)
    const notes = (thread: string) => log.notes(thread, "run/")
    expect(await damage("UPDATE TABLE.notes SET value = '1' WHERE thread = $1", notes)).toBe(0)
    await close()
  })
  it("stay dense while appends, snapshots, trims and erasures of one thread meet", async () => {
    const { log, close } = await open({ schema: "busy" })
    const thread = newThread()
    const run = Effect.runPromise
    await run(grow(log, thread, 30))
    let appends = 0
    const write = async () => {
      while (appends < 60) {
        const head = await run(log.head(thread))
        if ((await run(log.append(thread, following(head))))._tag === "Appended") appends += 1
      }
    }
    const tend = async () => {
      while (appends < 60) {
        const head = await run(log.head(thread))
        await run(log.saveSnapshot(thread, snapshotAt(head)))
        await run(log.trim(thread, head.offset - 5))
        await run(log.erase(thread, { from: head.offset - 4, to: head.offset, noteKeys: [], tombstone: () => "gone" }))
      }
    }
    await Promise.all([write(), tend(), tend()])
    const head = await run(log.head(thread))
    expect(head.offset).toBe(90)
    const { firstOffset } = (
      await run(Effect.flip(log.read(thread, 0, { limit: 1, maxBytes: 1 })) as Effect.Effect<LogError>)
    ).reason as { readonly firstOffset: number }
    expect((await run(entriesOf(log, thread, firstOffset - 1))).length).toBe(90 - firstOffset + 1)
    await close()
  })
  it("are not opened, and no secret is shown, when the password is wrong or the address is none", async () => {
    const said = (cause: unknown): string => {
      if (!(cause instanceof Error)) return JSON.stringify(cause) ?? ""
      const rest = Object.values(cause).map(said).join(" ")
      return `${cause.message} ${cause.stack ?? ""} ${rest} ${cause.cause === undefined ? "" : said(cause.cause)}`
    }
    const wrong = await refusal({ connection: postgres.url("postgres", "not-the-secret") })
    expect(wrong.reason._tag).toBe("LogUnavailable")
    const nobody = await refusal({ connection: "postgres://postgres:not-the-secret@127.0.0.1:1/postgres" })
    expect(said(wrong) + said(nobody)).not.toContain("not-the-secret")
    for (const connection of ["postgres://user:not-the-secret@[bad/x", "postgre://user:not-the-secret@host/x"]) {
      const opened = openLog(postgresLog({ connection })).catch((cause: unknown) => said(cause))
      expect(await opened).toContain("connection must be a postgres:// URL")
      expect(await opened).not.toContain("not-the-secret")
    }
  })
})

describe("the Postgres log's durability", () => {
  const defaults = { fsync: "on", full_page_writes: "on", synchronous_commit: "on", synchronous_standby_names: "" }
  const say = (settings: Readonly<Record<string, string>>) =>
    durabilityOf((name) => ({ ...defaults, wal_writer_delay: "200ms", ...settings })[name] ?? "")
  it("is what the server's settings say", () => {
    expect(say({}).sigkill).toMatch(/and of the server's/)
    expect(say({}).powerCut).toMatch(/synced to the server's disk\. .*none is waited for/)
    expect(say({ synchronous_commit: "off" }).sigkill).toMatch(/three times 200ms, may be gone/)
    expect(say({ synchronous_commit: "off" }).powerCut).toMatch(/^Whole, but/)
    expect(say({ fsync: "off" }).powerCut).toMatch(/^Nothing is sure/)
    expect(say({ synchronous_standby_names: "a" }).powerCut).toMatch(/synchronous standbys\.$/)
    expect(say({ synchronous_standby_names: "a", synchronous_commit: "local" }).powerCut).toMatch(/none is waited for/)
    expect(say({ full_page_writes: "off" }).powerCut).toMatch(/torn/)
  })
})
