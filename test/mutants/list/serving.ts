/** Faults in who may: access, tenants, origins, webhooks, frames from strangers. */
import type { Mutant } from "../Mutant.ts"

const ACCESS = "test/security/access.test.ts"
const TOKENS = "test/security/tokens.test.ts"
const ROUTES = "test/server/routes.test.ts"
const WEBHOOKS = "test/adapters/gateways/azure-upstream.test.ts"
const RETENTION = "test/security/retention.test.ts"
const WS = "test/adapters/gateways/ws.test.ts"

export const serving: readonly Mutant[] = [
  {
    name: "saves a view that has words which are being erased",
    rule: "ENTRY-3",
    file: "src/writer/readView.ts",
    find: "if (uncleared.length === 0 && (",
    replace: "if ((",
    tests: [RETENTION]
  },
  {
    name: "erases what was trimmed without taking it out of the view",
    rule: "ENTRY-3",
    file: "src/server/erase.ts",
    find: "for (const [from, to] of seen.uncleared) {",
    replace: "for (const [from, to] of seen.uncleared.slice(1)) {",
    tests: [RETENTION]
  },
  {
    name: "does not ask who may read when it hands out entries",
    rule: "SECURITY-2",
    file: "src/server/reads.ts",
    find: `const thread = yield* permit(services, principal, "read", name)\n    const after`,
    replace: 'const thread = `${principal.tenant ?? "main"}/${name}`\n    const after',
    tests: [ACCESS]
  },
  {
    name: "does not ask who may read when it hands out the view",
    rule: "SECURITY-2",
    file: "src/server/reads.ts",
    find: `const thread = yield* permit(services, principal, "read", name)\n    const before`,
    replace: 'const thread = `${principal.tenant ?? "main"}/${name}`\n    const before',
    tests: [ACCESS]
  },
  {
    name: "grants a thread that may not be read beside one that may",
    rule: "SECURITY-2",
    file: "src/server/grants.ts",
    find: "Effect.catch(permitted, () => Effect.succeed(undefined))",
    replace: 'Effect.catch(permitted, () => Effect.succeed(`${principal.tenant ?? "main"}/${each}`))',
    tests: [ROUTES]
  },
  {
    name: "leaves the tenant out of a thread's key",
    rule: "IDS-3",
    file: "src/server/tenants.ts",
    find: "`${tenantOf(of)}/${thread}`",
    replace: "`${DEFAULT_TENANT}/${thread}`",
    tests: [ROUTES]
  },
  {
    name: "tells that a thread exists which one may not read",
    rule: "REQUESTS-2",
    file: "src/server/caller.ts",
    find: `const visible = action !== "read" && (yield*`,
    replace: `const visible = action === "read" || (yield*`,
    tests: [ACCESS]
  },
  {
    name: "answers pages of any origin",
    rule: "SECURITY-3",
    file: "src/server/handler.ts",
    find: "if (!own && !services.origins.has(origin)) {",
    replace: "if (false as boolean) {",
    tests: [TOKENS]
  },
  {
    name: "reads a body of any size",
    rule: "Requests",
    file: "src/server/body.ts",
    find: "if (size > limit) {",
    replace: "if (size < 0) {",
    tests: ["test/server/body.test.ts"]
  },
  {
    name: "takes a body that a foreign page can send without asking",
    rule: "SECURITY-3",
    file: "src/server/body.ts",
    find: `if (type !== "application/json") {`,
    replace: `if (type === "") {`,
    tests: [TOKENS]
  },
  {
    name: "does not compare the entry that a reader says it has",
    rule: "RECOVERY-1",
    file: "src/server/reads.ts",
    find: "if (anchored && entries[0]?.id !== id) {",
    replace: "if (anchored && entries[0]?.id === undefined) {",
    tests: [ROUTES]
  },
  {
    name: "does not compare the log that a reader says it has",
    rule: "RECOVERY-1",
    file: "src/server/reads.ts",
    find: `if (log !== null && log !== "" && log !== head.logId) {`,
    replace: `if (log === "another") {`,
    tests: [ROUTES]
  },
  {
    name: "answers an offset beyond the head with nothing",
    rule: "RECOVERY-2",
    file: "src/server/reads.ts",
    find: "if (after > head.offset) {",
    replace: "if (after > 2 ** 52) {",
    tests: [ROUTES]
  },
  {
    name: "does not check a webhook's signature",
    rule: "UPSTREAM-1",
    file: "adapters/gateways/azure-web-pubsub/upstream.ts",
    find: `if (settings.access.type === "key" && !isSigned(`,
    replace: `if (connection === "" && !isSigned(`,
    tests: [WEBHOOKS]
  },
  {
    name: "takes the beginning of a signature for all of it",
    rule: "UPSTREAM-1",
    file: "adapters/gateways/azure-web-pubsub/upstream.ts",
    find: "return a.length === b.length && timingSafeEqual(a, b)",
    replace: "return b.subarray(0, a.length).equals(a)",
    tests: [WEBHOOKS]
  },
  {
    name: "does not check the key in a webhook's URL",
    rule: "UPSTREAM-1",
    file: "adapters/gateways/azure-web-pubsub/upstream.ts",
    find: `settings.upstreamKey !== "host" &&`,
    replace: `settings.upstreamKey === "" &&`,
    tests: [WEBHOOKS]
  },
  {
    name: "takes a webhook of any age",
    rule: "UPSTREAM-1",
    file: "adapters/gateways/azure-web-pubsub/upstream.ts",
    find: "if (!(Math.abs(Date.now() - sentAt) <= settings.upstreamClockMillis)) {",
    replace: "if (Number.isNaN(sentAt)) {",
    tests: [WEBHOOKS]
  },
  {
    name: "believes the user that a webhook names",
    rule: "UPSTREAM-1",
    file: "adapters/gateways/azure-web-pubsub/upstream.ts",
    find: `if (header("ce-userid") !== userIdOf(principal))`,
    replace: `if (header("ce-userid") === "")`,
    tests: [WEBHOOKS]
  },
  {
    name: "takes the sealed state of another connection",
    rule: "UPSTREAM-1",
    file: "adapters/gateways/azure-web-pubsub/principalSeal.ts",
    find: `...(use.in === "connection" ? { subject: use.connection } : {})`,
    replace: "",
    tests: [WEBHOOKS]
  },
  {
    name: "takes a seal that was made for another hub",
    rule: "UPSTREAM-1",
    file: "adapters/gateways/azure-web-pubsub/principalSeal.ts",
    find: "`throughline/${hub}/${use}`",
    replace: "`throughline/${use}`",
    tests: [TOKENS]
  },
  {
    name: "lets a grant be used a day after its end",
    rule: "UPSTREAM-1",
    file: "adapters/gateways/azure-web-pubsub/principalSeal.ts",
    find: "token.setExpirationTime(use.expiresAt / 1000)",
    replace: "token.setExpirationTime(use.expiresAt / 1000 + 86_400)",
    tests: [WEBHOOKS]
  },
  {
    name: "does not check the signature of the plain gateway's calls",
    rule: "UPSTREAM-1",
    file: "src/gateway/signedCall.ts",
    find: "!signatures.some((one) => sameText(one.trim(), expected))",
    replace: `signatures[0] === ""`,
    tests: [WS]
  },
  {
    name: "lets a browser join any group",
    rule: "SECURITY-1",
    file: "adapters/gateways/ws/sockets.ts",
    find: `if (message.type === "invoke" || !worker)`,
    replace: `if (message.type === "invoke")`,
    tests: [WS]
  },
  {
    name: "hands on what another client published into the group",
    rule: "DELIVERY-4",
    file: "adapters/gateways/azure-web-pubsub/socket.ts",
    find: "if (closed || fromUserId !== undefined || dataType",
    replace: "if (closed || dataType",
    tests: ["test/adapters/gateways/azure-client.test.ts"]
  }
]
