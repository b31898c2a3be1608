/**
 * Calls that claim to come from a gateway: genuine ones with some of it changed. Whatever is handed on was sealed for this
 * connection and this person; whatever is refused says so with a status and repeats no secret.
 */
import { strict as assert } from "node:assert"
import { createHmac } from "node:crypto"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Cause from "effect/Cause"
import { azureWebPubSub } from "../../adapters/gateways/azure-web-pubsub/server.ts"
import { wsGateway } from "../../adapters/gateways/ws/server.ts"
import { deriveSecrets } from "../../src/gateway/secrets.ts"
import { signCall } from "../../src/gateway/signedCall.ts"
import type { GatewayService, UpstreamEvent } from "../../src/ports/Gateway.ts"
import { UpstreamRejected } from "../../src/ports/GatewayError.ts"
import { HUB, UPSTREAM_KEY } from "../adapters/gateways/environments/azure-web-pubsub.ts"
import { build } from "../adapters/gateways/environments/environment.ts"
import { WS_KEY } from "../adapters/gateways/environments/ws.ts"
import type { Random } from "../thread/generate.ts"
import { bytes, written } from "./generate.ts"
import { target } from "./harness.ts"

const ACCESS_KEY = "canary-access-key-0123456789abcdef0123456789"
const ann = { id: "ann", tenant: "acme", claims: { secret: "canary-claim" } }
const sign = (connection: string, key = ACCESS_KEY) =>
  `sha256=${createHmac("sha256", key).update(connection).digest("hex")}`

interface Called {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}
const ODD_VALUES = [
  "",
  " ",
  "%",
  "%00",
  "%252e",
  "é",
  "null",
  "[object Object]",
  "a,b",
  "x".repeat(9_000),
  "sha256=",
  "..",
  "true",
  "-1",
  "1e9"
]
const someText = (random: Random) =>
  random.chance(0.5) ? random.pick(ODD_VALUES) : random.chance(0.5) ? bytes(random) : written(random).text
/** A text with one thing in it changed. */
const nudged = (random: Random, text: string): string => {
  const at = random.int(text.length + 1)
  return [
    () => text.slice(0, at) + random.pick([..."0aA%/=.,; ", ""]) + text.slice(at + 1),
    () => text.slice(0, at),
    () => text.toUpperCase(),
    () => `${text},${text}`,
    () => encodeURIComponent(text.toWellFormed()),
    () => ` ${text} `
  ][random.int(6)]!()
}
const changed = (random: Random, call: Called, foreign: readonly Called[]): Called => {
  let { body, url } = call
  const headers: Record<string, string> = { ...call.headers }
  for (let times = random.int(4); times > 0; times--) {
    const name = random.pick(Object.keys(headers))
    switch (random.int(8)) {
      case 0:
        delete headers[name]
        break
      case 1:
        headers[name] = someText(random)
        break
      case 2:
      case 3:
        headers[name] = nudged(random, headers[name] ?? "")
        break
      case 4:
        // of another call, genuine in itself
        headers[name] = random.pick(foreign).headers[name] ?? ""
        break
      case 5:
        url = nudged(random, url)
        break
      default:
        body = random.chance(0.5) ? someText(random) : nudged(random, body)
    }
  }
  return { url, headers, body }
}
const calling = async (gateway: GatewayService, { body, headers, url }: Called) => {
  let request: Request
  try {
    request = new Request(url, { method: "POST", headers, body })
  } catch {
    return { events: [], refused: true } // the platform refuses it before us
  }
  const events: UpstreamEvent[] = []
  const exit = await Effect.runPromiseExit(
    (gateway.upstream as NonNullable<GatewayService["upstream"]>)(request, (event) =>
      Effect.sync(() => (events.push(event), { ok: true }))
    )
  )
  if (Exit.isSuccess(exit)) {
    assert.ok([200, 204].includes(exit.value.status))
    return { events, refused: false }
  }
  const problem = Cause.squash(exit.cause)
  if (!(problem instanceof UpstreamRejected)) throw problem
  assert.ok(problem.status >= 400 && problem.status < 500, `it answers ${problem.status}`)
  assert.doesNotMatch(`${problem.problem} ${problem.message}`, /canary|eyJ|[\u0000-\u001f]/)
  assert.ok(problem.problem.length < 200)
  return { events, refused: true }
}

export const webhookTargets = [
  target("webhooks of Azure Web PubSub", 1_000, async () => {
    const { close, gateway } = await build(
      azureWebPubSub({
        connectionString: `Endpoint=https://x.webpubsub.azure.com;AccessKey=${ACCESS_KEY};`,
        hub: HUB,
        upstreamKey: UPSTREAM_KEY
      })
    )
    const headersOf = (connection: string, more: Readonly<Record<string, string>>) => ({
      "content-type": "application/json",
      "ce-connectionid": connection,
      "ce-signature": sign(connection),
      "ce-time": new Date().toISOString(),
      "ce-hub": HUB,
      ...more
    })
    const url = `https://backend/upstream/azure-web-pubsub?code=${UPSTREAM_KEY}`
    /** A connection of ann, from its `connect` on. */
    const connected = async (connection: string, id: string): Promise<readonly Called[]> => {
      const { url: clientUrl } = await Effect.runPromise(
        gateway.grant({ principal: { ...ann, id }, groups: ["g"], ttlMillis: 300_000 })
      )
      const connect = {
        url,
        headers: headersOf(connection, {
          "ce-type": "azure.webpubsub.sys.connect",
          "ce-eventname": "connect",
          "ce-userid": `acme:${id}`
        }),
        body: JSON.stringify({
          claims: {},
          query: { tl: [new URL(clientUrl).searchParams.get("tl")], access_token: ["eyJcanary"] },
          headers: {},
          subprotocols: ["json.reliable.webpubsub.azure.v1"]
        })
      }
      const response = await Effect.runPromise(
        (gateway.upstream as NonNullable<GatewayService["upstream"]>)(
          new Request(url, { method: "POST", headers: connect.headers, body: connect.body }),
          () => Effect.succeed(undefined)
        )
      )
      const state = {
        "ce-connectionstate": response.headers.get("ce-connectionstate") ?? "",
        "ce-userid": `acme:${id}`
      }
      return [
        connect,
        {
          url,
          headers: headersOf(connection, {
            ...state,
            "ce-type": "azure.webpubsub.user.interrupt",
            "ce-eventname": "interrupt"
          }),
          body: '{"thread":"t1"}'
        },
        {
          url,
          headers: headersOf(connection, {
            ...state,
            "ce-type": "azure.webpubsub.sys.connected",
            "ce-eventname": "connected"
          }),
          body: "{}"
        }
      ]
    }
    const genuine = await connected("c1", "ann")
    const foreign = await connected("c2", "bob")
    return {
      make: (random: Random) => changed(random, random.pick(genuine), foreign),
      check: async (call: Called) => {
        const { events } = await calling(gateway, call)
        for (const event of events) {
          const bobs = event.connection === "c2"
          assert.ok(bobs || event.connection === "c1", "a connection that nobody has")
          assert.deepEqual(event.principal, { ...ann, id: bobs ? "bob" : "ann" })
          assert.equal(new URL(call.url).searchParams.get("code"), UPSTREAM_KEY)
        }
      },
      close
    }
  }),
  target("calls of the plain gateway", 1_000, async () => {
    const { close, gateway } = await build(wsGateway({ url: "http://127.0.0.1:1", key: WS_KEY }))
    const secrets = deriveSecrets("ws", WS_KEY)
    const callOf = (principal: object): Called => {
      const body = JSON.stringify({
        type: "event",
        connection: "c1",
        principal,
        name: "interrupt",
        data: { thread: "t1" }
      })
      const time = new Date().toISOString()
      return {
        url: "http://backend/upstream/ws",
        headers: {
          "content-type": "application/json",
          "throughline-time": time,
          "throughline-signature": signCall(secrets, time, body)
        },
        body
      }
    }
    const genuine = callOf(ann)
    const foreign = [callOf({ id: "bob" })]
    return {
      make: (random: Random) => changed(random, genuine, foreign),
      check: async (call: Called) => {
        const { events } = await calling(gateway, call)
        if (events.length === 0) return
        assert.equal(call.body, genuine.body, "a body that nobody signed is handed on")
        assert.deepEqual(events, [JSON.parse(genuine.body)])
      },
      close
    }
  })
]
