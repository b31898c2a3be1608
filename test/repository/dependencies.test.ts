/**
 * What is installed, here and at those who use the package. A change to one of the lists is a change to review.
 */
import { describe, expect, it } from "vitest"
import { read } from "./tree.ts"

type Versions = Readonly<Record<string, string>>
interface Manifest {
  readonly dependencies: Versions
  readonly devDependencies: Versions
  readonly peerDependencies: Versions
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional: boolean }>>
  readonly allowScripts: Readonly<Record<string, boolean>>
}
interface Locked {
  readonly version?: string
  readonly resolved?: string
  readonly hasInstallScript?: boolean
  readonly optionalDependencies?: Versions
}
const manifest = JSON.parse(read("package.json")) as Manifest
const { packages } = JSON.parse(read("package-lock.json")) as { readonly packages: Readonly<Record<string, Locked>> }
const nameOf = (path: string) => path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length)

describe("dependencies", () => {
  it("of the package are the four that were reviewed", () => {
    expect(Object.keys(manifest.dependencies)).toEqual(["@standard-schema/spec", "jose", "uuid"])
  })

  it("that a user brings are Effect and, where their adapter is used, the vendors' libraries", () => {
    const peers = Object.keys(manifest.peerDependencies)
    expect(peers.filter((name) => manifest.peerDependenciesMeta[name]?.optional !== true)).toEqual(["effect"])
    expect(peers.filter((name) => name !== "effect")).toEqual([
      "@ag-ui/core",
      "@aws-sdk/client-apigatewaymanagementapi",
      "@aws-sdk/client-dynamodb",
      "@azure/data-tables",
      "@azure/functions",
      "@azure/storage-blob",
      "@azure/storage-queue",
      "@azure/web-pubsub",
      "@azure/web-pubsub-client",
      "@fanoutio/grip",
      "@nats-io/jetstream",
      "@nats-io/jwt",
      "@nats-io/nats-core",
      "@nats-io/transport-node",
      "@socket.io/redis-streams-adapter",
      "@types/aws-lambda",
      "ai",
      "mqtt",
      "pg",
      "pusher",
      "pusher-js",
      "react",
      "redis",
      "socket.io",
      "socket.io-client",
      "ws"
    ])
  })

  it("are pinned exactly", () => {
    const loose = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })
    expect(loose.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([])
  })

  it("with install scripts are reviewed, and only Node's own may run", () => {
    const scripted = Object.entries(packages).filter(([, entry]) => entry.hasInstallScript)
    expect(scripted.map(([path]) => nameOf(path)).filter((name) => !(name in manifest.allowScripts))).toEqual([])
    expect(Object.entries(manifest.allowScripts).filter(([, allowed]) => allowed)).toEqual([["node", true]])
  })

  it("are locked for every platform; if not, run scripts/complete-lockfile.mjs", () => {
    const locked = new Set(Object.entries(packages).map(([path, entry]) => `${nameOf(path)}@${entry.version ?? ""}`))
    const exact = Object.values(packages).flatMap((entry) => Object.entries(entry.optionalDependencies ?? {}))
    const missing = exact.filter(([name, version]) => /^\d/.test(version) && !locked.has(`${name}@${version}`))
    expect(missing).toEqual([])
  })

  it("are locked without the address they came from", () => {
    expect(Object.values(packages).filter((entry) => entry.resolved !== undefined)).toEqual([])
  })
})
