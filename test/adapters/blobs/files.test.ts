import { spawn } from "node:child_process"
import { once } from "node:events"
import { createHash } from "node:crypto"
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import { afterAll, describe, expect, it } from "vitest"
import { fileBlobs } from "../../../adapters/blobs/files/blobs.ts"
import { conforms, openBlobs, reasonOf } from "./conform.ts"

const root = mkdtempSync(join(tmpdir(), "throughline-blobs-"))
const folder = join(root, "inner")
afterAll(() => rmSync(root, { recursive: true }))

const hashed = (key: string) => key.split("/").map((segment) => createHash("sha256").update(segment).digest("hex"))
const fileOf = (key: string, below = folder) => `${join(below, ...hashed(key))}.blob`
const bytes = new TextEncoder().encode("x".repeat(1_000))
const put = async (below: string, key: string) => {
  const store = await openBlobs(fileBlobs({ folder: below }))
  await Effect.runPromise(store.put(key, bytes, "text/plain"))
  return store
}

describe("the file blob store", () => {
  conforms(
    () => fileBlobs({ folder, maxBytes: 1_000_000 }),
    async (key) => {
      const file = readFileSync(fileOf(key))
      file[file.length - 2]! ^= 1
      writeFileSync(fileOf(key), file)
    }
  )
  it("has written to its folder alone", () => {
    expect(readdirSync(root)).toEqual(["inner"])
    expect(
      readdirSync(folder).filter((name) => name !== "unfinished" && !/^[0-9a-f]{64}(\.blob)?$/.test(name))
    ).toEqual([])
    expect(readdirSync(join(folder, "unfinished"))).toEqual([])
  })
  it("tells every kind of damage", async () => {
    const below = join(root, "damage")
    for (const [damage, problem] of [
      [(file: string) => truncateSync(file, statSync(file).size - 1), /not whole/],
      [(file: string) => truncateSync(file, 10), /not readable/],
      [(file: string) => truncateSync(file, 0), /not readable/],
      [(file: string) => writeFileSync(file, Buffer.concat([readFileSync(file), Buffer.from("x")])), /not whole/],
      [(file: string) => writeFileSync(file, readFileSync(file).toString().replaceAll("x", "y")), /hash/],
      [(file: string) => writeFileSync(file, readFileSync(fileOf("t/other", below))), /another's/]
    ] as const) {
      await put(below, "t/other")
      const store = await put(below, "t/damaged")
      damage(fileOf("t/damaged", below))
      expect(await reasonOf(store.get("t/damaged"))).toMatchObject({
        _tag: "BlobCorrupt",
        problem: expect.stringMatching(problem)
      })
    }
  })
  it("reads no file that is larger than it accepts", async () => {
    const below = join(root, "large")
    await put(below, "t/1")
    const small = await openBlobs(fileBlobs({ folder: below, maxBytes: 100 }))
    expect((await Effect.runPromise(small.get("t/1")))?.bytes.length).toBe(1_000)
    writeFileSync(fileOf("t/1", below), Buffer.alloc(10_000))
    expect(await reasonOf(small.get("t/1"))).toMatchObject({ _tag: "BlobTooLarge", limitBytes: 100 })
  })
  it("removes what a dead process left unfinished, and keeps what one may be writing", async () => {
    const below = join(root, "stale")
    await put(below, "t/1")
    const [old, young] = ["old", "young"].map((name) => join(below, "unfinished", name)) as [string, string]
    for (const file of [old, young]) writeFileSync(file, "half")
    const hoursAgo = Date.now() / 1000 - 7_200
    utimesSync(old, hoursAgo, hoursAgo)
    await openBlobs(fileBlobs({ folder: below }))
    expect([existsSync(old), existsSync(young)]).toEqual([false, true])
  })
  it("keeps putting while others erase the same folder", async () => {
    const below = join(root, "race")
    const store = await openBlobs(fileBlobs({ folder: below }))
    const puts = Array.from({ length: 60 }, (_, n) => store.put(`t/a/${n}`, bytes, "text/plain"))
    const erasures = Array.from({ length: 60 }, () => store.eraseAll("t/a/"))
    await Effect.runPromise(
      Effect.all([Effect.all(puts, { concurrency: 8 }), Effect.all(erasures, { concurrency: 2 })], {
        concurrency: "unbounded"
      })
    )
    await Effect.runPromise(store.eraseAll("t/a/"))
    expect(existsSync(join(below, ...hashed("t/a")))).toBe(false)
  })
  it("says what to do where it may not write", async () => {
    const below = join(root, "file")
    writeFileSync(below, "a file where the folder should be")
    const store = await openBlobs(fileBlobs({ folder: below }))
    expect(await reasonOf(store.put("t/1", bytes, "text/plain"))).toMatchObject({ _tag: "BlobRefused" })
    expect(() => fileBlobs({ folder: "" })).toThrow(/folder/)
    if (process.getuid?.() === 0) return
    const closed = join(root, "closed")
    mkdirSync(closed)
    chmodSync(closed, 0o500)
    const refused = await openBlobs(fileBlobs({ folder: closed }))
    expect(await reasonOf(refused.put("t/1", bytes, "text/plain"))).toMatchObject({ _tag: "BlobRefused" })
  })
  it("has every blob whole after its writer was killed", async () => {
    const below = join(root, "killed")
    const writer = fileURLToPath(new URL("fileWriter.ts", import.meta.url))
    let acknowledged = 0
    for (let round = 0; round < 3; round++) {
      const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", writer, below], {
        stdio: ["ignore", "pipe", "inherit"]
      })
      const exited = once(child, "exit")
      child.stdout.on("data", (chunk: Buffer) => {
        acknowledged = Math.max(acknowledged, ...chunk.toString().trim().split("\n").map(Number))
        if (acknowledged >= 40 * (round + 1)) child.kill("SIGKILL")
      })
      await exited
    }
    expect(acknowledged).toBeGreaterThanOrEqual(120)
    const store = await openBlobs(fileBlobs({ folder: below }))
    for (let n = 1; n <= acknowledged; n++) {
      const found = await Effect.runPromise(store.get(`t/${n}`))
      expect([n, found?.bytes.length]).toEqual([n, 10_000 + n])
    }
    expect(dirname(fileOf("t/1", below))).toBe(join(below, ...hashed("t")))
  }, 30_000)
})
