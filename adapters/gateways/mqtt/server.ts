/**
 * The server half for MQTT brokers: options in, the `Gateway` service out. The broker is your own; events of clients reach the
 * backend through `bridge.ts`, and both share one key.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { frameTooLarge } from "../../../src/gateway/errors.ts"
import { deriveSecrets, sealTicket, type GatewaySecrets } from "../../../src/gateway/secrets.ts"
import { signedUpstream } from "../../../src/gateway/signedCall.ts"
import { Gateway, type GatewayService } from "../../../src/ports/Gateway.ts"
import { GatewayError, GatewayRefused } from "../../../src/ports/GatewayError.ts"
import { capabilities } from "./capabilities.ts"
import { makeControl } from "./control.ts"
import { makeDynamicSecurity, nameClient } from "./dynsec.ts"
import { openLine, type LineOptions } from "./line.ts"
import { checkOptions, checkPrefix, type MqttGatewayOptions } from "./options.ts"
import { makePublisher } from "./publish.ts"
import { reasonOf } from "./reasons.ts"
import { makeSubscribe } from "./subscribe.ts"
import { NAME, topics, type Token } from "./wire.ts"

export type { MqttCredentials, MqttLogin, MqttRights } from "./credentials.ts"
export type { MqttGatewayOptions } from "./options.ts"

/** A topic has at most 65,535 bytes; the principal is in one. */
const MAX_SEAL_BYTES = 60_000
/** An event that is on its way as the grant expires still counts. */
const SEAL_MARGIN_MILLIS = 60_000

/** The MQTT gateway. Throws a `TypeError` that names a wrong option. */
export const mqttGateway = (options: MqttGatewayOptions): Layer.Layer<Gateway> => {
  checkOptions(options)
  const secrets = deriveSecrets(NAME, options.key)
  return Layer.effect(
    Gateway,
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => make(options, secrets)),
        ({ close }) => Effect.sync(close)
      ),
      ({ service }) => Gateway.of(service)
    )
  )
}

const make = (
  options: MqttGatewayOptions,
  secrets: GatewaySecrets
): { readonly service: GatewayService; readonly close: () => void } => {
  const { clientUrl, timeoutMillis = 10_000 } = options
  const prefix = checkPrefix(options.prefix)
  const topic = topics(prefix)
  const maxFrameBytes = options.maxFrameBytes ?? capabilities.maxFrameBytes
  const open = (onMessage?: NonNullable<LineOptions["onMessage"]>) =>
    openLine({
      url: options.url,
      username: options.username,
      password: options.password,
      role: `${prefix}-backend`,
      timeoutMillis,
      ...(onMessage === undefined ? {} : { onMessage })
    })
  const publisher = makePublisher(() => open(), options.maxInFlight ?? 64)
  const dynsec =
    options.credentials === undefined
      ? makeDynamicSecurity(makeControl(open, timeoutMillis), prefix, secrets.groups)
      : undefined
  const credentials = options.credentials ?? dynsec!.grant

  const attempt = <A>(operation: GatewayError["operation"], run: (signal: AbortSignal) => Promise<A>) =>
    Effect.tryPromise({
      try: run,
      catch: (cause) => new GatewayError({ operation, reason: reasonOf(cause) })
    })
  const service: GatewayService = {
    name: NAME,
    groupSecret: secrets.groups,
    capabilities: { ...capabilities, maxFrameBytes, revoke: dynsec !== undefined },
    publish: (group, frame) => {
      const error = frameTooLarge(frame, maxFrameBytes)
      if (error !== undefined) return Effect.fail(error)
      return attempt("publish", (signal) => publisher.publish(topic.group(group), frame, signal))
    },
    grant: ({ groups, principal, ttlMillis }) =>
      attempt("grant", async () => {
        const expiresAt = Date.now() + ttlMillis
        const seal = await sealTicket(secrets, { principal, groups: [] }, expiresAt + SEAL_MARGIN_MILLIS)
        if (seal.length > MAX_SEAL_BYTES)
          throw new GatewayRefused({ status: 0x90, remedy: "the principal's `claims` do not fit into a topic of MQTT" })
        const clientId = nameClient(prefix, secrets.groups, principal, expiresAt)
        const up = topic.up(clientId, seal)
        const { password, username } = await credentials({
          clientId,
          subscribe: [...groups.map(topic.group), topic.down(clientId)],
          publish: [up],
          expiresAt,
          principal
        })
        const token: Token = { clientId, username, password, prefix, up }
        return { url: clientUrl, token: JSON.stringify(token), expiresAt }
      }),
    upstream: signedUpstream(secrets),
    subscribe: makeSubscribe(open, topic.group, timeoutMillis),
    ...(dynsec === undefined
      ? {}
      : { revoke: (principal, group) => attempt("revoke", () => dynsec.revoke(principal, topic.group(group))) })
  }
  return {
    service,
    close: () => {
      publisher.close()
      dynsec?.close()
    }
  }
}
