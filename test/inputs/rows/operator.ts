/** Settings, options and mounts that are wrong: said at the start, by name and without their value. */
import { strict as assert } from "node:assert"
import { proof, type Row } from "../row.ts"
import type { World } from "../world.ts"

type Settings = World["settings"]
/** Throws, or rejects, and names the setting without its value. */
const wrong = (id: string, input: string, names: string, make: (settings: Settings) => unknown): Row => ({
  id,
  surface: "operator",
  input,
  answer: `a \`TypeError\` at the start that names \`${names}\``,
  check: async ({ settings }) => {
    let told: unknown
    try {
      await make(settings)
    } catch (error) {
      told = error
    }
    assert.ok(told instanceof TypeError, `it was taken: ${String(told)}`)
    assert.ok(told.message.includes(names), told.message)
    assert.doesNotMatch(told.message, /canary/)
  }
})
const AZURE = { connectionString: "Endpoint=https://x.webpubsub.azure.com;AccessKey=canarycanarycanary;", hub: "h" }
export const operatorRows: readonly Row[] = [
  wrong("N120", "Azure Web PubSub: no connection string", "connectionString", ({ azure }) =>
    azure({ ...AZURE, connectionString: "" })
  ),
  wrong("N120", "Azure Web PubSub: a connection string without a key", "AccessKey", ({ azure }) =>
    azure({ ...AZURE, connectionString: "Endpoint=https://x;" })
  ),
  wrong("N120", "Azure Web PubSub: an endpoint that is no URL", "Endpoint", ({ azure }) =>
    azure({ ...AZURE, connectionString: "Endpoint=ftp://x;AccessKey=canary;" })
  ),
  wrong("N120", "Azure Web PubSub: a hub with a space, an empty one", "hub", ({ azure }) =>
    azure({ ...AZURE, hub: "my hub" })
  ),
  wrong("N120", "Azure Web PubSub: a short handler key", "upstreamKey", ({ azure }) =>
    azure({ ...AZURE, upstreamKey: "canary" })
  ),
  wrong("N121", "the plain gateway: a short key", "key", ({ plain }) =>
    plain({ url: "http://127.0.0.1:1", key: "canary" })
  ),
  wrong("N121", "the plain gateway: a URL of sockets where one of HTTP belongs", "url", ({ plain }) =>
    plain({ url: "ws://127.0.0.1:1", key: "canary".repeat(6) })
  ),
  wrong("N121", "the plain gateway's process: a short key", "key", ({ startPlain }) => startPlain({ key: "canary" })),
  wrong("N122", "two agents of one name", "two agents have the same name", ({ ready }) => ready({ twice: true })),
  wrong("N122", "a short `secret`", "secret", ({ ready }) => ready({ secret: "canary" })),
  {
    id: "N123",
    surface: "operator",
    input: "the emulator's command: a bad port, an unknown flag, production",
    answer: "usage and status 2; status 1",
    check: proof(
      "test/emulator/process.test.ts",
      "refuses bad arguments with usage and status 2, and production with status 1"
    )
  },
  {
    id: "N123",
    surface: "operator",
    input: "the emulator beyond loopback, or with an empty key",
    answer: "refused",
    check: proof("test/emulator/process.test.ts", "is refused beyond loopback and with an empty key")
  },
  {
    id: "N124",
    surface: "operator",
    input: "an `authenticate` that throws, or answers an id with a line break",
    answer: "500 `INTERNAL` without what it threw; nobody gets in",
    check: async ({ hooked }) => {
      for (const who of ["throws", "odd"] as const) {
        const answer = await hooked(who)
        assert.equal(answer.status, 500)
        assert.equal(answer.body.error.code, "INTERNAL")
        assert.doesNotMatch(answer.text, /hidden-cause|\n\s+at /)
      }
    }
  },
  {
    id: "N125",
    surface: "operator",
    input: 'an `authorize` that throws, or answers what is not `true`: 1, "yes", undefined',
    answer: "500 `INTERNAL`, or 404 `NOT_FOUND`; nobody gets in",
    check: async ({ hooked }) => {
      assert.equal((await hooked("authorize throws")).body.error.code, "INTERNAL")
      for (const answer of ["authorize 1", "authorize yes", "authorize undefined"] as const)
        assert.equal((await hooked(answer)).body.error.code, "NOT_FOUND", answer)
    }
  }
]
