/**
 * Forged webhooks by the million: calls that are one field or one signature away from a genuine one.
 *
 *     node test/security/forgedWebhooks.ts [trials] [seed]
 *
 * Prints `{trials, accepted, genuineRefused, seed}`. Calls go straight into the verifier: of backends before, amid and
 * after a change of the access key, and of the plain gateway. Every hundredth comes after a genuine one, signed as the
 * service does with both of its keys in either order, or with any one that the backend knows, for a connection whose
 * state any such key sealed; every thousandth after a whole connection, granted and opened by one backend and heard by
 * another. None of these may be refused, and none of the others accepted.
 */
import { createHmac } from "node:crypto"
import { pathToFileURL } from "node:url"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { azureWebPubSub } from "../../adapters/gateways/azure-web-pubsub/server.ts"
import { userIdOf } from "../../adapters/gateways/azure-web-pubsub/upstream.ts"
import { wsGateway } from "../../adapters/gateways/ws/server.ts"
import { deriveSecrets } from "../../src/gateway/secrets.ts"
import { signCall } from "../../src/gateway/signedCall.ts"
import type { Principal } from "../../src/ports/Access.ts"
import type { GatewayService } from "../../src/ports/Gateway.ts"
import { build } from "../adapters/gateways/environments/environment.ts"
import { seeded } from "../client/virtual.ts"

export interface Tried {
  readonly trials: number
  readonly accepted: number
  readonly genuineRefused: number
  readonly seed: number
}
interface Forgery {
  url: string
  method: string
  headers: Record<string, string>
  body: string
}
type Change = (call: Forgery, random: () => number) => void
interface Target {
  readonly gateway: GatewayService
  readonly genuine: (n: number) => Forgery
  /** Whether a new connection is let in and heard. */
  readonly connects?: (n: number) => Promise<boolean>
  readonly changes: readonly Change[]
  readonly close: () => Promise<void>
}

const HUB = "throughline"
const UPSTREAM_KEY = "upstream-key-of-the-tests"
const OLD_KEY = "the-first-access-key-0123456789abcdef"
const NEW_KEY = "the-second-access-key-0123456789abcde"
const FOREIGN_KEY = "an-access-key-of-another-service-0123"
/** Calls under way at a time. */
const BATCH = 50
const ann: Principal = { id: "ann", tenant: "acme" }

const pick = <T>(random: () => number, ...items: readonly T[]): T => items[Math.floor(random() * items.length)]!
const flipped = (text: string, random: () => number): string => {
  const at = Math.floor(random() * text.length)
  const code = text.charCodeAt(at)
  // another printable character, never the same one
  const other = 0x21 + ((code - 0x21 + 1 + Math.floor(random() * 92)) % 94)
  return (
    text.slice(0, at) + String.fromCharCode(other === code ? 0x21 + ((other - 0x20) % 94) : other) + text.slice(at + 1)
  )
}
const header =
  (name: string, change: (value: string, random: () => number) => string | undefined): Change =>
  (call, random) => {
    const value = change(call.headers[name]!, random)
    if (value === undefined) delete call.headers[name]
    else call.headers[name] = value
  }
const hmac = (key: string, text: string) => createHmac("sha256", key).update(text).digest("hex")

const FLOODS = [4, 5, 100, 200].map((count) => `sha256=${"0".repeat(64)},`.repeat(count))
const connectionString = (key: string) => `Endpoint=https://x.webpubsub.azure.com;AccessKey=${key};`

/** What the service sends of a connection, not yet signed. */
const plain = (connection: string): Forgery => ({
  url: `https://backend/upstream/azure-web-pubsub?code=${UPSTREAM_KEY}`,
  method: "POST",
  headers: {
    "content-type": "application/json",
    "ce-connectionid": connection,
    "ce-time": new Date().toISOString(),
    "ce-hub": HUB,
    "ce-type": "azure.webpubsub.user.interrupt",
    "ce-eventname": "interrupt",
    "ce-userid": userIdOf(ann)
  },
  body: '{"thread":"t1","interrupt":{"kind":"cancel","id":"i1","run":"r1"}}'
})
const signed = (key: string, connection: string) => `sha256=${hmac(key, connection)}`

/** A backend with these keys, and how it opens connections: the answer is the state that the service keeps of one. */
const azureBackend = async (key: string, other?: string) => {
  const { close, gateway } = await build(
    azureWebPubSub({
      connectionString: connectionString(key),
      ...(other === undefined ? {} : { otherConnectionString: connectionString(other) }),
      hub: HUB,
      upstreamKey: UPSTREAM_KEY
    })
  )
  const grant = async (principal: Principal) => {
    const { url } = await Effect.runPromise(gateway.grant({ principal, groups: ["g"], ttlMillis: 60_000 }))
    return new URL(url).searchParams.get("tl")!
  }
  const connect = async (principal: Principal, connection: string, seal: string): Promise<string> => {
    const call = plain(connection)
    const response = await Effect.runPromise(
      gateway.upstream!(
        new Request(call.url, {
          method: "POST",
          headers: {
            ...call.headers,
            "ce-signature": signed(key, connection),
            "ce-userid": userIdOf(principal),
            "ce-type": "azure.webpubsub.sys.connect",
            "ce-eventname": "connect"
          },
          body: JSON.stringify({ query: { tl: [seal] }, subprotocols: [] })
        }),
        () => Effect.succeed(undefined)
      )
    )
    return response.headers.get("ce-connectionstate")!
  }
  const stateOf = async (principal: Principal, connection: string) =>
    connect(principal, connection, await grant(principal))
  return { close, gateway, grant, connect, stateOf }
}

/** The service has the keys `own` and `other` and signs with both; the backend was given `own`, and `other` if `both`. */
const azure = async (own: string, other: string, both: boolean): Promise<Target> => {
  const backend = await azureBackend(own, both ? other : undefined)
  const sibling = both ? await azureBackend(other, own) : await azureBackend(own)
  const stranger = await azureBackend(both ? FOREIGN_KEY : other)
  const { gateway } = backend
  const states = await Promise.all(
    Array.from({ length: 32 }, (_, n) => (n < 16 ? backend : sibling).stateOf(ann, `c${n % 16}`))
  )
  const eves = await backend.stateOf({ id: "eve", tenant: "acme" }, "c0")
  const others = await backend.stateOf(ann, "another")
  const strangers = await Promise.all(Array.from({ length: 16 }, (_, n) => stranger.stateOf(ann, `c${n}`)))
  const genuine = (n: number, connection = `c${n % 16}`, state = states[n % 32]!): Forgery => {
    const call = plain(connection)
    const mine = signed(own, connection)
    const fresh = signed(other, connection)
    const signatures = [mine, `${mine},${fresh}`, `${fresh},${mine}`, `${fresh}, ${mine}`, ...(both ? [fresh] : [])]
    call.headers["ce-signature"] = signatures[n % signatures.length]!
    call.headers["ce-connectionstate"] = state
    return call
  }
  return {
    gateway,
    close: async () => {
      for (const each of [backend, sibling, stranger]) await each.close()
    },
    genuine,
    connects: async (n) => {
      const [granting, opening] = [
        [backend, sibling],
        [sibling, backend]
      ][n % 2]!
      const state = await opening!.connect(ann, `d${n}`, await granting!.grant(ann))
      return (
        (await isAccepted(gateway, genuine(n, `d${n}`, state))) &&
        (await isAccepted(sibling.gateway, genuine(n, `d${n}`, state)))
      )
    },
    changes: [
      // the signature
      header("ce-signature", () => undefined),
      header("ce-signature", (_, random) => `sha256=${hmac(`not the key ${random()}`, "c0")}`),
      header("ce-signature", (value) => value.toUpperCase()),
      header("ce-signature", (value) => value.replaceAll("sha256=", "")),
      header("ce-signature", (_, random) => pick(random, "", "sha256=", ",", "sha256=,sha256=")),
      (call) => {
        const connection = call.headers["ce-connectionid"]!
        call.headers["ce-signature"] = signed(both ? FOREIGN_KEY : other, connection)
      },
      header("ce-signature", (value, random) => `sha256=${flipped(value.split(",")[0]!.slice(7), random)}`),
      header("ce-signature", (_, random) => `sha256=${hmac(own, `c${16 + Math.floor(random() * 1e6)}`)}`),
      header("ce-signature", (value, random) => pick(random, ...FLOODS) + value),
      header("ce-signature", (value) => value.split(",")[0]!.slice(0, -1)),
      // the connection
      header("ce-connectionid", (value, random) => flipped(value, random)),
      header("ce-connectionid", () => undefined),
      // who
      header("ce-userid", () => undefined),
      header("ce-userid", (_, random) =>
        pick(random, "acme:eve", "main:ann", "ann", "other:ann", "acme:ann ", "acme:Ann").replace(/ $/, "%20")
      ),
      // the state
      header("ce-connectionstate", () => undefined),
      header("ce-connectionstate", () => eves),
      header("ce-connectionstate", () => others),
      (call) =>
        void (call.headers["ce-connectionstate"] = strangers[Number(call.headers["ce-connectionid"]!.slice(1))]!),
      header("ce-connectionstate", (_, random) =>
        pick(random, "", "e30=", "not base64 !", btoa('{"tl":""}'), btoa('{"tl":"a.b.c.d.e"}'))
      ),
      header("ce-connectionstate", (value, random) => {
        // one character of the sealed text itself, in any part but the last bits that base64url does not use
        const { tl } = JSON.parse(atob(value)) as { tl: string }
        const parts = tl.split(".")
        const at = pick(random, 0, 2, 3, 4)
        const part = parts[at]!
        const index = Math.floor(random() * (part.length - 1))
        const letter = part[index] === "A" ? "B" : "A"
        parts[at] = part.slice(0, index) + letter + part.slice(index + 1)
        return btoa(JSON.stringify({ tl: parts.join(".") }))
      }),
      // when
      header("ce-time", () => undefined),
      header("ce-time", (_, random) =>
        new Date(Date.now() + pick(random, -1, 1) * (310_000 + random() * 3 * 86_400_000)).toISOString()
      ),
      header("ce-time", (_, random) => pick(random, "", "now", "1970", "garbage", "2026-13-45T00:00:00Z")),
      // where and what
      header("ce-hub", (_, random) => pick(random, "", "other", `${HUB}2`)),
      header("ce-hub", () => undefined),
      header("ce-type", (_, random) =>
        pick(
          random,
          "",
          "azure.webpubsub.user.",
          "azure.webpubsub.user.other",
          "azure.webpubsub.sys.connect",
          "azure.webpubsub.sys.connected",
          "interrupt"
        )
      ),
      header("ce-eventname", (_, random) => pick(random, "", "other", "connect", "Interrupt")),
      header("content-type", (_, random) =>
        pick(random, "text/html", "application/octet-stream", "multipart/form-data")
      ),
      // the key in the URL
      (call) => void (call.url = "https://backend/upstream/azure-web-pubsub"),
      (call, random) =>
        void (call.url = `https://backend/upstream/azure-web-pubsub?code=${encodeURIComponent(flipped(UPSTREAM_KEY, random))}`),
      (call, random) =>
        void (call.url = `https://backend/upstream/azure-web-pubsub?code=${pick(random, "", UPSTREAM_KEY.slice(1), `${UPSTREAM_KEY}x`, UPSTREAM_KEY.toUpperCase())}`),
      (call, random) => void (call.method = pick(random, "GET", "PUT", "DELETE", "PATCH"))
    ]
  }
}

const ws = async (): Promise<Target> => {
  const { close, gateway } = await build(wsGateway({ url: "http://127.0.0.1:9", key: OLD_KEY }))
  const secrets = deriveSecrets("ws", OLD_KEY)
  const others = deriveSecrets("ws", NEW_KEY)
  const resign = (call: Forgery, by = secrets) =>
    void (call.headers["throughline-signature"] = signCall(by, call.headers["throughline-time"]!, call.body))
  return {
    gateway,
    close,
    genuine: (n) => {
      const call: Forgery = {
        url: "http://backend/upstream/ws",
        method: "POST",
        headers: { "content-type": "application/json", "throughline-time": new Date().toISOString() },
        body: JSON.stringify({
          type: "event",
          connection: `c${n}`,
          principal: ann,
          name: "interrupt",
          data: { thread: "t1", interrupt: { kind: "cancel", id: `i${n}`, run: "r1" } }
        })
      }
      resign(call)
      return call
    },
    changes: [
      header("throughline-signature", () => undefined),
      header("throughline-signature", (value, random) => flipped(value, random)),
      header("throughline-signature", (value, random) =>
        pick(
          random,
          "",
          value.slice(0, -1),
          `${value}A`,
          `${value}A,x`,
          value.toLowerCase().toUpperCase(),
          `x,y,${value}`
        )
      ),
      header("throughline-time", () => undefined),
      header("throughline-time", (value) => new Date(Date.parse(value) + 1).toISOString()),
      (call) => void (call.body = call.body.replace('"ann"', '"eve"')),
      (call) => void (call.body = call.body.replace('"acme"', '"other"')),
      (call, random) => void (call.body = call.body.replace("cancel", pick(random, "steer", "pause", "answer"))),
      (call) => void (call.body = `${call.body} `),
      (call) => resign(call, others),
      (call, random) => {
        const by = pick(random, -1, 1) * (310_000 + random() * 3 * 86_400_000)
        call.headers["throughline-time"] = new Date(Date.now() + by).toISOString()
        resign(call)
      },
      (call, random) => {
        call.headers["throughline-time"] = pick(random, "now", "1970", "garbage")
        resign(call)
      },
      (call, random) => void (call.method = pick(random, "GET", "PUT", "DELETE", "PATCH", "OPTIONS"))
    ]
  }
}

const isAccepted = async (gateway: GatewayService, call: Forgery): Promise<boolean> => {
  let handed = false
  const request = new Request(call.url, {
    method: call.method,
    headers: call.headers,
    ...(call.method === "GET" ? {} : { body: call.body })
  })
  const exit = await Effect.runPromiseExit(
    gateway.upstream!(request, () => Effect.sync(() => void (handed = true) as undefined))
  )
  return handed || Exit.isSuccess(exit)
}

/** Every refusal is an error; nobody reads where these were made, and writing it down costs a third of the time. */
const withoutStacks = async <A>(work: () => Promise<A>): Promise<A> => {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    return await work()
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

export const tryForgeries = (trials: number, seed: number): Promise<Tried> =>
  withoutStacks(async () => {
    const random = seeded(seed)
    let accepted = 0
    let genuineRefused = 0
    const mustPass = async (passes: Promise<boolean>) => {
      if (!(await passes.catch(() => false))) genuineRefused++
    }
    const mustFail = async ({ changes, gateway, genuine }: Target, n: number) => {
      const call = genuine(n)
      changes[n % changes.length]!(call, random)
      if (!(await isAccepted(gateway, call))) return
      accepted++
      if (accepted <= 10) process.stderr.write(`accepted: change ${n % changes.length} ${JSON.stringify(call)}\n`)
    }
    const targets = [
      () => azure(OLD_KEY, NEW_KEY, false),
      () => azure(OLD_KEY, NEW_KEY, true),
      () => azure(NEW_KEY, OLD_KEY, true),
      ws
    ]
    for (const make of targets) {
      const target = await make()
      let under: Promise<void>[] = []
      for (let n = 0; n < trials / targets.length; n++) {
        if (n % 100 === 0) under.push(mustPass(isAccepted(target.gateway, target.genuine(n / 100))))
        if (n % 1_000 === 0 && target.connects) under.push(mustPass(target.connects(n / 1_000)))
        under.push(mustFail(target, n))
        if (under.length < BATCH) continue
        await Promise.all(under)
        under = []
      }
      await Promise.all(under)
      await target.close()
    }
    return { trials, accepted, genuineRefused, seed }
  })

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [trials = "1000000", seed = "1"] = process.argv.slice(2)
  process.stdout.write(`${JSON.stringify(await tryForgeries(Number(trials), Number(seed)))}\n`)
}
