import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { readdir } from "node:fs/promises"
import { tmpdir } from "node:os"
import { describe, expect, it, onTestFinished } from "vitest"
import { GATEWAYS, startStack } from "../../src/cli/stack.ts"
import { folderOf } from "../examples/librarian/folder.ts"
import { command, isAlive } from "./command.ts"

const ownFolders = async (): Promise<string[]> =>
  (await readdir(tmpdir())).filter((name) => name.startsWith("throughline-"))

describe("the command", () => {
  it.each([
    [["start", "--nonsense"], "--nonsense"],
    [["start", "--port", "99999"], "--port must be a number from 0 to 65535, not “99999”."],
    [["start", "--port", "8x"], "--port must be a number"],
    [["start", "--gateway", "pigeon"], `--gateway knows ${GATEWAYS.join(", ")}, not “pigeon”.`],
    [["start", "--json"], "--json goes with --ask."],
    [["start", "--ask", " "], "--ask needs a question."],
    [["start", "surplus"], "surplus"],
    [["fly"], "There is no command “fly”."]
  ])("refuses %j with a sentence, the options, and code 2", async (args, sentence) => {
    const { ended, err, out } = command(...args)
    expect(await ended).toBe(2)
    expect(err()).toContain(sentence)
    expect(err()).toContain("--docs DIR")
    expect(err()).not.toMatch(/^\s+at /m)
    expect(out()).toBe("")
  })
  it("says what it can do, and its version", async () => {
    const help = command("--help")
    expect(await help.ended).toBe(0)
    expect(help.out()).toContain("throughline start")
    const version = command("--version")
    expect(await version.ended).toBe(0)
    expect(version.out()).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
  it("says that a folder is not there, and leaves nothing behind", async () => {
    const before = await ownFolders()
    const { ended, err } = command("start", "--docs", "/nowhere/at/all", "--ask", "x")
    expect(await ended).toBe(1)
    expect(err()).toBe("/nowhere/at/all is not there. Name the folder that holds the documents with --docs.\n")
    expect((await ownFolders()).filter((name) => !before.includes(name))).toEqual([])
  })
  it("says that a port is taken, and ends the processes it had started", async () => {
    const other = createServer().listen(0, "127.0.0.1")
    await new Promise((resolve) => other.once("listening", resolve))
    onTestFinished(() => void other.close())
    const { port } = other.address() as AddressInfo
    const { ended, err } = command("start", "--docs", await folderOf({ "a.md": "# A\n\na\n" }), "--port", String(port))
    expect(await ended).toBe(1)
    expect(err()).toContain(String(port))
    expect(err()).not.toMatch(/^\s+at /m)
  })
  it("prints the page's address, serves until it is told to stop, and then leaves nothing", async () => {
    const started = command("start", "--docs", await folderOf({ "a.md": "# A\n\na\n" }), "--gateway", "ws")
    const url = /http:\/\/127\.0\.0\.1:\d+\//.exec(await started.until(/Ctrl-C stops it/))?.[0] ?? ""
    expect((await fetch(url)).status).toBe(200)
    started.child.kill("SIGINT")
    expect(await started.ended, started.err()).toBe(0)
    await expect(fetch(url)).rejects.toThrow()
    const folder = /(\/\S*throughline-[^/\s]+)\//.exec(started.out())?.[1] ?? ""
    expect(await ownFolders()).not.toContain(folder.split("/").at(-1))
  })
})

describe("the stack", () => {
  it("says which process died, and ends the others", async () => {
    const stack = await startStack({
      docs: await folderOf({ "a.md": "# A\n\na\n" }),
      gateway: "ws",
      port: 0,
      page: false
    })
    onTestFinished(() => stack.close())
    process.kill(stack.pids.worker, "SIGKILL")
    expect(await stack.failed).toContain("The worker ended by SIGKILL")
    await stack.close()
    for (const pid of Object.values(stack.pids)) expect(isAlive(pid)).toBe(false)
  })
  it("lets in only who has its token", async () => {
    const stack = await startStack({
      docs: await folderOf({ "a.md": "# A\n\na\n" }),
      gateway: "ws",
      port: 0,
      page: false
    })
    onTestFinished(() => stack.close())
    const ask = (headers: Record<string, string>) => fetch(`${stack.url}api/threads/t1/view`, { headers })
    const refused = await ask({})
    expect(refused.status).toBe(401)
    expect(await refused.json()).toMatchObject({ ok: false, error: { code: "UNAUTHENTICATED" } })
    expect((await ask({ authorization: "Bearer nonsense" })).status).toBe(401)
    expect((await ask({ authorization: `Bearer ${stack.token}` })).status).not.toBe(401)
  })
})
