/**
 * Who may import whom. A row of the table: modules whose path fits `who` may import modules that fit `modules`, and
 * packages that fit `packages`. The first row that fits a module decides; type imports count like others.
 */
import { describe, expect, it } from "vitest"
import { filesBelow, importsOf, isModule } from "./tree.ts"

const PLAIN = "src/protocol/(?!schema/)"
const FOLD_AND_ORDER = "src/thread/(fold|order)"
const SHARED = "src/(protocol|thread|ports|writer)/"
const ENTRY = "src/(index|effect|node|protocol|schema)\\.ts|src/(client|react|testing|conformance|emulator)/index\\.ts"
const SELF = "throughline(/|$)"
const ANY = ""

interface Row {
  readonly who: string
  readonly modules: string
  /** Absent: none, of whatever kind. */
  readonly packages?: string
}
const TABLE: readonly Row[] = [
  { who: "src/protocol/schema/", modules: "src/protocol/", packages: "effect/" },
  { who: "src/protocol/", modules: PLAIN },
  { who: "src/protocol\\.ts$", modules: PLAIN },
  { who: "src/schema\\.ts$", modules: "src/protocol/schema/" },
  { who: "src/thread/", modules: `${PLAIN}|src/thread/` },
  { who: "src/client/", modules: `${PLAIN}|${FOLD_AND_ORDER}|src/client/`, packages: "uuid$" },
  { who: "src/react/", modules: `${PLAIN}|${FOLD_AND_ORDER}|src/(client|react)/`, packages: "react$" },
  { who: "src/ports/", modules: "src/(protocol|ports)/", packages: "effect/|uuid$" },
  { who: "src/gateway/", modules: "src/(protocol|ports|gateway)/", packages: "effect/|node:|jose$" },
  { who: "src/writer/", modules: SHARED, packages: "effect/|node:|uuid$" },
  {
    who: "src/agent/",
    modules: `${SHARED}|src/agent/`,
    packages: "effect/|node:|uuid$|@standard-schema/spec$"
  },
  {
    who: "src/server/(Backend|createBackend|ServerServices)\\.ts$",
    modules: `${SHARED}|src/(server|agent)/`,
    packages: "effect/|node:"
  },
  {
    who: "src/server/",
    modules: `${SHARED}|src/server/|src/agent/(askDigest|defineAgent|standardSchema|enqueue)\\.ts`,
    packages: "effect/|node:|uuid$|jose$|@standard-schema/spec$"
  },
  { who: "src/emulator/", modules: "src/emulator/", packages: "node:|jose$|ws$|uuid$" },
  {
    who: "src/testing/",
    modules: `${SHARED}|src/(agent|server|client|testing)/|adapters/(logs|queues)/memory/`,
    packages: ANY
  },
  { who: "src/conformance/", modules: `${SHARED}|src/(agent|server|client|conformance)/`, packages: ANY },
  { who: "src/cli/", modules: `${ENTRY}|adapters/|src/cli/`, packages: ANY },
  {
    who: "src/(index|effect|node)\\.ts$",
    modules: `${SHARED}|src/(agent|server|client)/|src/gateway/nodeServer\\.ts|src/index\\.ts`,
    packages: ANY
  },
  {
    who: "adapters/gateways/[^/]+/(client|capabilities)\\.ts$",
    modules: `${PLAIN}|${FOLD_AND_ORDER}|src/client/GatewayClient\\.ts|src/gateway/replies\\.ts|src/ports/GatewayCapabilities\\.ts`,
    packages: "@azure/web-pubsub-client$|@nats-io/nats-core$|mqtt$|pusher-js$|socket\\.io-client$"
  },
  { who: "adapters/gateways/", modules: "src/(protocol|ports|gateway)/", packages: ANY },
  { who: "adapters/(logs|queues|blobs)/", modules: "src/(protocol|ports)/", packages: ANY },
  { who: "adapters/frameworks/", modules: `${SHARED}|src/(agent|server|client)/`, packages: ANY },
  { who: "functions/", modules: `functions/|adapters/|${ENTRY}`, packages: ANY },
  { who: "examples/", modules: `examples/|adapters/|${ENTRY}`, packages: ANY }
]

const modules = ["src", "adapters", "functions", "examples"].flatMap(filesBelow).filter(isModule)
const imports = modules.flatMap(importsOf)
const begins = (path: string, pattern: string) => new RegExp(`^(?:${pattern})`).test(path)
/** The folder of one adapter: `adapters/logs/sqlite/`. */
const adapterOf = (path: string) => /^adapters\/[^/]+\/[^/]+\//.exec(path)?.[0]

describe("imports", () => {
  it("find every module in one row of the table", () => {
    expect(modules.filter((path) => !TABLE.some(({ who }) => begins(path, who)))).toEqual([])
  })

  it("stay within the table", () => {
    const outside = imports.filter(({ from, to, relative }) => {
      const row = TABLE.find(({ who }) => begins(from, who))
      if (!row) return true
      if (!relative) return row.packages === undefined || !begins(to, row.packages)
      const own = adapterOf(from)
      const besideIt = own !== undefined && to.startsWith(own)
      return !besideIt && !begins(to, row.modules)
    })
    expect(outside.map(({ from, to }) => `${from} -> ${to}`)).toEqual([])
  })

  it("never lead from one adapter into another", () => {
    const crossing = imports.filter(({ from, to }) => {
      const own = adapterOf(from)
      return own !== undefined && (begins(to, SELF) || (to.startsWith("adapters/") && !to.startsWith(own)))
    })
    expect(crossing.map(({ from, to }) => `${from} -> ${to}`)).toEqual([])
  })

  it("keep src from importing the package by its own name, but for the command line", () => {
    const own = imports.filter(({ from, to }) => begins(from, "src/(?!cli/)") && begins(to, SELF))
    expect(own.map(({ from, to }) => `${from} -> ${to}`)).toEqual([])
  })

  it("take Effect by module, never by its barrel", () => {
    expect(imports.filter(({ to }) => to === "effect" || to === "effect/index").map(({ from }) => from)).toEqual([])
  })

  it("let protocol, thread, client and react run without Effect and without Node", () => {
    const heavy = imports.filter(
      ({ from, to }) =>
        begins(
          from,
          `${PLAIN}|src/(thread|client|react)/|src/gateway/replies\\.ts|adapters/gateways/[^/]+/(client|capabilities)\\.ts`
        ) && begins(to, "effect|node:|src/protocol/schema/")
    )
    expect(heavy.map(({ from, to }) => `${from} -> ${to}`)).toEqual([])
  })

  it("lead to files that exist and name them by their extension", () => {
    const known = new Set(["src", "adapters", "functions", "examples", "scripts"].flatMap(filesBelow))
    expect(
      imports.filter(({ to, relative }) => relative && !known.has(to)).map(({ from, to }) => `${from} -> ${to}`)
    ).toEqual([])
  })

  it("form no cycle, type imports included", () => {
    expect(findCycle(modules)).toEqual([])
  })

  it("see a cycle where there is one", () => {
    const graph = new Map([
      ["a", ["b"]],
      ["b", ["c"]],
      ["c", ["a"]],
      ["d", ["a"]]
    ])
    expect(findCycle(["d", "a"], (path) => graph.get(path) ?? [])).toEqual(["a", "b", "c", "a"])
  })
})

const imported = new Map<string, string[]>()
for (const { from, to, relative } of imports) if (relative) imported.set(from, [...(imported.get(from) ?? []), to])

/** The first cycle that a walk along the imports finds, as the list of its modules, or nothing. */
function findCycle(from: readonly string[], next = (path: string) => imported.get(path) ?? []): string[] {
  const done = new Set<string>()
  const way: string[] = []
  const visit = (path: string): string[] => {
    if (way.includes(path)) return [...way.slice(way.indexOf(path)), path]
    if (done.has(path)) return []
    way.push(path)
    for (const target of next(path)) {
      const cycle = visit(target)
      if (cycle.length > 0) return cycle
    }
    way.pop()
    done.add(path)
    return []
  }
  for (const path of from) {
    const cycle = visit(path)
    if (cycle.length > 0) return cycle
  }
  return []
}
