import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it, onTestFinished, vi } from "vitest"
import { startChild } from "../../src/cli/child.ts"

/** Begins a forged line, clears the screen, colours it, turns the direction of text. */
const EVIL = "one\r\u001b[2J\u009b31m\u0085\u2028\u202etwo\tthree\u0000"
const SAFE = "one\\u000d\\u001b[2J\\u009b31m\\u0085\\u2028\\u202etwo\tthree\\u0000"

it.each(["lines", "ipc"] as const)(
  "what a process of the stack says is one harmless line each (%s)",
  async (channel) => {
    const folder = await mkdtemp(join(tmpdir(), "throughline-child-"))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const file = join(folder, "child.mjs")
    await writeFile(
      file,
      `process.stderr.write(${JSON.stringify(`${EVIL}\n`)})
     process.stdout.write(${JSON.stringify(`${EVIL}\n`)})
     process.stderr.write("the last, without an end")`
    )
    let said = ""
    const write = vi.spyOn(process.stderr, "write").mockImplementation((text) => {
      said += String(text)
      return true
    })
    onTestFinished(() => write.mockRestore())
    const child = startChild({ name: "The child", file, channel })
    expect(await child.failed).toMatch(/ended with code 0/)
    expect(said.split("\n").toSorted()).toEqual(
      ["", SAFE, channel === "lines" ? `The child: ${SAFE}` : SAFE, "the last, without an end"].toSorted()
    )
  }
)
