/**
 * Completes package-lock.json after `npm install`: run it whenever the lockfile changed.
 *
 * Where a registry does not (yet) hold a package's binaries for every platform, npm leaves those out of the
 * lockfile, and `npm ci` then refuses it everywhere. This adds an entry for each that is missing: name, version and
 * platform, which is all that npm needs to skip it. test/repository/dependencies.test.ts tells when to run it.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const file = fileURLToPath(new URL("../package-lock.json", import.meta.url))
const lock = JSON.parse(readFileSync(file, "utf8"))
const systems = ["aix", "android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos", "win32"]
const processors = ["arm64", "arm", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "wasm32", "x64"]

/** Where node would find `name` from the package at `from`: the nearest node_modules that has it. */
const found = (from, name) => {
  for (let at = from; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf("/node_modules/")))) {
    const beside = `${at}/node_modules/${name}`
    if (lock.packages[beside]) return lock.packages[beside]
  }
  return lock.packages[`node_modules/${name}`]
}

let added = 0
for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const words = name.split("/").at(-1).split("-")
    const os = systems.find((system) => words.includes(system))
    const cpu = processors.find((processor) => words.includes(processor))
    if (found(path, name)?.version === version || !/^\d/.test(version) || !cpu) continue
    const libc = os !== "linux" ? {} : { libc: [words.some((word) => word.startsWith("musl")) ? "musl" : "glibc"] }
    const beside = `${path.slice(0, path.lastIndexOf("node_modules/"))}node_modules/${name}`
    lock.packages[beside] = { version, cpu: [cpu], dev: true, ...libc, optional: true, ...(os ? { os: [os] } : {}) }
    added++
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(file, JSON.stringify(lock, null, 2) + "\n")
console.log(`package-lock.json: ${added} entries added`)
