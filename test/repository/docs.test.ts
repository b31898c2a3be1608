/** The documents: generated tables are fresh, links lead somewhere, and the README's programs run as printed. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { spawn, spawnSync, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { dirname, join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { startEmulator } from "throughline/emulator"
import { afterAll, describe, expect, it } from "vitest"
import { refreshDocs } from "../../scripts/docs.ts"
import { filesBelow } from "./tree.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const withTools = { ...process.env, PATH: `${join(root, "node_modules/.bin")}:${process.env["PATH"] ?? ""}` }
const read = (file: string) => readFileSync(join(root, file), "utf8")
const documents = [
  "README.md",
  ...["docs", "src", "adapters"].flatMap(filesBelow).filter((file) => file.endsWith(".md"))
]

/** As GitHub makes them from headings. */
const anchorsOf = (text: string): ReadonlySet<string> =>
  new Set(
    [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
      heading!
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-")
    )
  )
const fences = (text: string, language: string) =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, "gm"))].map(([, code]) => code!)

describe("documents", () => {
  it("have fresh generated tables (node scripts/docs.ts writes them)", () => {
    expect(refreshDocs(true)).toEqual([])
  })

  it("link only to what exists", () => {
    const broken = documents.flatMap((file) =>
      [
        ...read(file)
          .replace(/^```[^]*?^```$/gm, "")
          .matchAll(/\]\(([^)\s]+)\)/g)
      ]
        .map(([, target]) => target!)
        .filter((target) => !/^(https?|mailto):/.test(target))
        .filter((target) => {
          const [path, anchor] = target.split("#") as [string, string?]
          const linked = path === "" ? file : join(dirname(file), path)
          if (!existsSync(join(root, linked))) return true
          return anchor !== undefined && !anchorsOf(read(linked)).has(anchor)
        })
        .map((target) => `${file}: ${target}`)
    )
    expect(broken).toEqual([])
  })

  it("name only tests and sources that exist", () => {
    const missing = documents.flatMap((file) =>
      [...read(file).matchAll(/`((?:test|src|adapters|examples|scripts)\/[\w./-]+\.(?:ts|tsx|mjs|json))`/g)]
        .map(([, path]) => path!)
        .filter((path) => !existsSync(join(root, path)))
        .map((path) => `${file}: ${path}`)
    )
    expect(missing).toEqual([])
  })

  it("show programs that compile against the package", () => {
    const folder = mkdtempSync(join(root, ".throughline-docs-"))
    const files: string[] = []
    try {
      // an adapter's README shows fragments
      for (const file of documents.filter((document) => !document.startsWith("adapters/"))) {
        const name = file.replace(/\.md$/, "").replaceAll("/", "_")
        for (const language of ["ts", "tsx"]) {
          fences(read(file), language).forEach((code, index) => {
            // a document may go on from its first program, which it then names
            const target = index === 0 && file === "docs/agents.md" ? "librarian" : `${name}_${index}`
            files.push(`${target}.${language}`)
            writeFileSync(join(folder, files.at(-1)!), `${code}\nexport {}\n`)
          })
        }
      }
      writeFileSync(
        join(folder, "tsconfig.json"),
        JSON.stringify({ extends: "../tsconfig.json", compilerOptions: { noUnusedLocals: false }, files, include: [] })
      )
      const checked = spawnSync("tsc", ["-p", folder], { encoding: "utf8", shell: false, env: withTools })
      expect(checked.stdout).toBe("")
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it("the README stays under 200 lines, its programs at 20", () => {
    expect(read("README.md").split("\n").length).toBeLessThan(200)
    for (const code of fences(read("README.md"), "ts")) {
      expect(
        code.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("import ")).length
      ).toBeLessThanOrEqual(20)
    }
  })
})

describe("the guide to writing a gateway", () => {
  it("runs as printed, and every case holds", async () => {
    const folder = mkdtempSync(join(root, ".throughline-guide-"))
    try {
      writeFileSync(join(folder, "lines.ts"), fences(read("docs/write-a-gateway.md"), "ts")[0]!)
      const options = ["--conditions=throughline-source", "--disable-warning=ExperimentalWarning", "lines.ts"]
      const child = spawn(process.execPath, options, { cwd: folder, stdio: ["ignore", "pipe", "inherit"] })
      let report = ""
      child.stdout.on("data", (data) => (report += String(data)))
      await once(child, "close")
      expect(report).toMatch(/^lines: (\d+) of \1 cases hold, \d+ skipped\n\n✓ /)
      expect(report).toContain(
        "✓ a cut is reported within a second: bridged where recovery is claimed, ended elsewhere\n"
      )
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

describe("the README's programs", () => {
  const folder = mkdtempSync(join(root, ".throughline-readme-"))
  const children: ChildProcess[] = []
  afterAll(async () => {
    for (const child of children.filter((one) => one.exitCode === null)) {
      child.kill("SIGKILL")
      await once(child, "exit")
    }
    rmSync(folder, { recursive: true, force: true })
  })

  it("run as printed: the client sees what the backend's agent says", async () => {
    const [backend, client] = fences(read("README.md"), "ts") as [string, string]
    writeFileSync(join(folder, "backend.ts"), backend)
    writeFileSync(join(folder, "client.ts"), client)
    const emulator = await startEmulator()
    const start = (file: string, ...args: string[]) => {
      const child = spawn(
        process.execPath,
        ["--conditions=throughline-source", "--disable-warning=ExperimentalWarning", file, ...args],
        {
          cwd: folder,
          env: { ...process.env, PORT: "0", WebPubSubConnectionString: emulator.connectionString },
          stdio: ["ignore", "pipe", "inherit"]
        }
      )
      children.push(child)
      return child
    }
    const url = await new Promise<string>((resolve, reject) => {
      const child = start("backend.ts")
      child.once("exit", (code) => reject(new Error(`the backend ended with ${code}`)))
      createInterface({ input: child.stdout! }).on("line", (line) => line.startsWith("http://") && resolve(line))
    })
    const running = start("client.ts", url)
    let seen = ""
    running.stdout!.on("data", (chunk: Buffer) => (seen += chunk.toString()))
    const [code] = (await once(running, "exit")) as [number]
    expect(code).toBe(0)
    expect(seen).toContain("Throughline: the log is the truth.")
    await emulator.close()
  })
})
