import { once } from "node:events"
import { connect, createServer } from "node:net"
import type { AddressInfo, Socket } from "node:net"
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import { Client } from "pg"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { postgresLog } from "../../../adapters/logs/postgres/log.ts"
import type { PostgresLogOptions } from "../../../adapters/logs/postgres/log.ts"
import { ALL, entriesOf, following, grow, newThread } from "../../../src/conformance/logCase.ts"
import type { LogError } from "../../../src/ports/LogError.ts"
import type { Append, AppendResult, Head, ThreadLogService } from "../../../src/ports/ThreadLog.ts"
import { hasPostgres, startPostgres } from "../postgres.ts"
import type { Postgres } from "../postgres.ts"
import { openLog } from "./conform.ts"
import type { OpenLog } from "./conform.ts"

const WRITER = fileURLToPath(new URL("./postgresWriter.ts", import.meta.url))
const TIMEOUT_MILLIS = 1_000
const END_OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'throughline'"

/** Between the log and the server: bytes pass, until the answers are to be lost. */
const startProxy = async (port: number) => {
  const pairs = new Set<Socket>()
  const state = { answers: true }
  const server = createServer((incoming) => {
    const onward = connect(port, "127.0.0.1")
    for (const socket of [incoming, onward]) {
      pairs.add(socket)
      socket.on("error", () => undefined)
      socket.on("close", () => pairs.delete(socket))
    }
    incoming.pipe(onward)
    onward.on("data", (chunk) => state.answers && incoming.write(chunk))
    onward.on("close", () => incoming.destroy())
    incoming.on("close", () => onward.destroy())
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const cut = () => pairs.forEach((socket) => socket.destroy())
  const close = async () => {
    cut()
    await once(server.close(), "close")
  }
  return { port: (server.address() as AddressInfo).port, state, cut, close }
}
const run = Effect.runPromise<unknown, LogError> as <A>(effect: Effect.Effect<A, LogError>) => Promise<A>
const reasonOf = async (effect: Effect.Effect<unknown, LogError>) =>
  (await run(Effect.flip(effect) as never as Effect.Effect<LogError>)).reason

describe.skipIf(!hasPostgres())("the Postgres log, when the server or the network fails", () => {
  let postgres: Postgres
  let admin: Client
  let opened: OpenLog
  let log: ThreadLogService
  let thread: string
  let head: Head
  const connectAdmin = async () => {
    admin = new Client(postgres.url())
    admin.on("error", () => undefined)
    await admin.connect()
  }
  const open = (options: Partial<PostgresLogOptions> = {}) =>
    openLog(postgresLog({ connection: postgres.url(), timeoutMillis: TIMEOUT_MILLIS, ...options }))
  /** Until a connection works again: reads are safe to ask again. */
  const headAgain = () => run(Effect.retry(log.head(thread), { times: 100 }))
  beforeAll(async () => {
    postgres = await startPostgres()
    await connectAdmin()
    opened = await open()
    log = opened.log
  })
  afterAll(async () => {
    await opened?.close()
    await admin?.end()
    await postgres?.close()
  })
  beforeEach(async () => {
    thread = newThread()
    head = (await Effect.runPromise(grow(log, thread, 2))).head
  })

  it("answers Unknown where the answer or the connection was lost, and reading settles it", async () => {
    const proxy = await startProxy(Number(new URL(postgres.url()).port))
    const distant = await open({ connection: postgres.url().replace(/:\d+\//, `:${proxy.port}/`) })
    /** It may be written later than it is read: whoever appends it again conflicts then, and reads it. */
    const settles = async (sent: Append, result: AppendResult) => {
      expect(result._tag).toBe("Unknown")
      const found = await run(entriesOf(log, thread, head.offset))
      const again = await run(log.append(thread, sent))
      if (found.length === 1) expect(again._tag).toBe("Conflict")
      await expect.poll(() => run(entriesOf(log, thread, head.offset))).toEqual([sent.entry])
      head = await run(log.head(thread))
    }
    // The server commits; nobody hears of it in time.
    proxy.state.answers = false
    let sent = following(head)
    const unheard = await run(distant.log.append(thread, sent))
    await settles(sent, unheard)
    proxy.state.answers = true
    await run(Effect.retry(distant.log.head(thread), { times: 5 }))
    // The connection is cut while another transaction holds up the append.
    sent = following(head)
    await admin.query("BEGIN; LOCK TABLE throughline.entries IN SHARE MODE")
    const held = run(distant.log.append(thread, sent))
    await expect
      .poll(async () => (await admin.query("SELECT FROM pg_locks WHERE NOT granted")).rowCount)
      .toBeGreaterThan(0)
    proxy.cut()
    expect((await held)._tag).toBe("Unknown")
    await admin.query("COMMIT")
    await settles(sent, await held)
    expect((await run(entriesOf(log, thread))).map(({ offset }) => offset)).toEqual([1, 2, 3, 4])
    await distant.close()
    await proxy.close()
  })
  it("answers Unknown where the server ended its connection, and goes on with a new one", async () => {
    await admin.query("BEGIN; LOCK TABLE throughline.entries IN SHARE MODE")
    const held = run(log.append(thread, following(head)))
    await expect
      .poll(async () => (await admin.query("SELECT FROM pg_locks WHERE NOT granted")).rowCount)
      .toBeGreaterThan(0)
    await admin.query(END_OTHERS)
    expect(await held).toMatchObject({ _tag: "Unknown", cause: { reason: { _tag: "LogUnavailable" } } })
    await admin.query("ROLLBACK")
    expect((await headAgain()).offset).toBe(2)
    expect((await run(log.append(thread, following(head))))._tag).toBe("Appended")
  })
  it("answers everyone in bounded time while the server hangs, and loses nothing", async () => {
    const others = Array.from({ length: 300 }, () => newThread())
    const firsts = await Promise.all(
      others.map(async (other) => following(await run(Effect.retry(log.head(other), { times: 5 }))))
    )
    postgres.signal("SIGSTOP")
    const start = performance.now()
    try {
      const results = await Promise.all([
        ...firsts.map((first, n) => run(log.append(others[n]!, first)).then(({ _tag }) => _tag)),
        reasonOf(log.head(thread)).then(({ _tag }) => _tag),
        reasonOf(log.read(thread, 0, ALL)).then(({ _tag }) => _tag)
      ])
      expect(new Set(results)).toEqual(new Set(["Unknown", "LogUnavailable"]))
      expect(performance.now() - start).toBeLessThan(5 * TIMEOUT_MILLIS)
    } finally {
      postgres.signal("SIGCONT")
    }
    await headAgain()
    for (const [n, first] of firsts.entries()) {
      const entries = await run(Effect.retry(entriesOf(log, others[n]!), { times: 5 }))
      expect([0, 1]).toContain(entries.length)
      if (entries.length === 1) expect(entries[0]).toEqual(first.entry)
    }
  })
  it("keeps every append that was acknowledged before the server was killed", async () => {
    const acknowledged: string[] = []
    let stop = false
    const write = async () => {
      let at = head
      while (!stop) {
        const result = await run(log.append(thread, following(at)))
        if (result._tag !== "Appended") return
        at = result.head
        acknowledged.push(at.id)
      }
    }
    const writing = write()
    await expect.poll(() => acknowledged.length, { interval: 5 }).toBeGreaterThan(40)
    await postgres.kill()
    stop = true
    await writing
    expect((await reasonOf(log.head(thread)))._tag).toBe("LogUnavailable")
    expect((await run(log.append(thread, following(head))))._tag).toBe("Unknown")
    await postgres.start()
    await connectAdmin()
    await headAgain()
    const entries = await run(entriesOf(log, thread))
    expect(entries.slice(2, 2 + acknowledged.length).map(({ id }) => id)).toEqual(acknowledged)
    // one more may have been written without an answer
    expect(entries.length - 2 - acknowledged.length).toBeLessThanOrEqual(1)
  })
  it("is whole after writing processes were killed, and lets two append to one thread", async () => {
    const start = (name: string, count: number) => {
      const child = spawn(process.execPath, [WRITER, postgres.url(), thread, name, `${count}`], {
        stdio: ["ignore", "pipe", "inherit"]
      })
      let text = ""
      child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()))
      // Whole lines only: the last may have been cut by the kill.
      const lines = () =>
        text
          .slice(0, text.lastIndexOf("\n") + 1)
          .split("\n")
          .filter(Boolean)
      return { child, lines, ended: once(child, "close") }
    }
    thread = newThread()
    const killed = start("killed", 0)
    await expect.poll(() => killed.lines().length, { timeout: 20_000, interval: 5 }).toBeGreaterThan(30)
    killed.child.kill("SIGKILL")
    await killed.ended
    const [one, two] = [start("one", 60), start("two", 60)]
    await Promise.all([one.ended, two.ended])
    const entries = await run(entriesOf(log, thread))
    const stored = entries.map(({ offset, id }) => `${offset} ${id}`)
    for (const line of [...killed.lines(), ...one.lines(), ...two.lines()]) expect(stored).toContain(line)
    expect(entries.map(({ offset }) => offset)).toEqual(entries.map((_, n) => n + 1))
    expect((await run(log.notes(thread, "step/"))).length).toBe(entries.length)
  })

  it("says what it cannot do: no room, no connection, a standby", async () => {
    /** The server answers this error to the next append that holds `body`. */
    const failing = async (body: string, code: string) => {
      await admin.query(`CREATE OR REPLACE FUNCTION throughline.fail() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'as told' USING ERRCODE = '${code}'; END $$`)
      await admin.query(`CREATE OR REPLACE TRIGGER fail BEFORE INSERT ON throughline.entries
        FOR EACH ROW WHEN (NEW.body = '${body}') EXECUTE FUNCTION throughline.fail()`)
    }
    await failing("full", "53100")
    expect((await reasonOf(log.append(thread, following(head, { body: "full" }))))._tag).toBe("LogFull")
    for (const code of ["40001", "40P01"]) {
      await failing("race", code)
      expect((await run(log.append(thread, following(head, { body: "race" }))))._tag).toBe("Conflict")
    }
    for (const code of ["53300", "25006", "57P03"]) {
      await failing("soon", code)
      expect(await run(log.append(thread, following(head, { body: "soon" })))).toMatchObject({
        _tag: "Unknown",
        cause: { reason: { _tag: "LogUnavailable", retryAfterMillis: 1_000 } }
      })
    }
    await admin.query("DROP TRIGGER fail ON throughline.entries")
    expect((await run(log.append(thread, following(head))))._tag).toBe("Appended")

    await admin.query("CREATE ROLE narrow LOGIN PASSWORD 'n' CONNECTION LIMIT 0")
    const narrow = await open({ connection: postgres.url("narrow", "n"), migrate: false }).catch((e: LogError) => e)
    expect(narrow).toMatchObject({ reason: { _tag: "LogUnavailable", retryAfterMillis: 1_000 } })
  })
  it("lets the damage or the size of one append fail that append alone", async () => {
    const others = Array.from({ length: 6 }, () => newThread())
    const heads = await Promise.all(others.map(async (other) => (await Effect.runPromise(grow(log, other, 1))).head))
    // An entry is there that the head does not know.
    await admin.query(`INSERT INTO throughline.entries SELECT thread, 2, id, crc, body FROM throughline.entries
      WHERE thread = '${others[1]}'`)
    // What cannot be compressed, at three bytes a character
    const random = (seed: string) =>
      Array.from({ length: 16 }, (_, n) => createHash("sha256").update(`${seed}${n}`).digest().subarray(0, 32))
        .flatMap((hash) => [...hash])
        .map((byte, n) => String.fromCharCode(0x4e00 + byte * 64 + (n % 64)))
        .join("")
    const long = random("key")
    others[2] = `main/${random("thread")}`
    heads[2] = (await Effect.runPromise(grow(log, others[2], 1))).head
    const results = await Promise.all(
      others.map((other, n) =>
        Effect.runPromise(
          Effect.match(
            log.append(
              other,
              following(heads[n]!, {
                notes:
                  n === 2 ? [{ key: long, value: 1 }] : n === 3 ? [{ key: "run/1", value: "x".repeat(32_000) }] : []
              })
            ),
            { onSuccess: ({ _tag }) => _tag as string, onFailure: ({ reason }) => reason._tag }
          )
        )
      )
    )
    expect(results).toEqual(["Appended", "LogCorrupt", "RecordTooLarge", "Appended", "Appended", "Appended"])
  })
  it("refuses a standby, whose reads are of the past", async () => {
    await opened.close()
    await admin.end()
    await postgres.kill()
    writeFileSync(join(postgres.folder, "standby.signal"), "")
    await postgres.start()
    const refused = await open().catch((cause: LogError) => cause)
    expect(refused).toMatchObject({ reason: { _tag: "LogUnavailable", cause: { code: "25006" } } })
  })
})
