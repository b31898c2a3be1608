/**
 * Rights by Mosquitto's dynamic security plugin: each grant is a client of the plugin with a random password, and a role that
 * allows its topics and nothing else. When the grant expires both go, and with them the connection.
 *
 * A client's name says when it expires and, as a hash, whose it is. So any process of the backend finds what another one left
 * behind, and nothing has to be stored.
 */
import { createHmac, randomBytes } from "node:crypto"
import { GatewayRefused } from "../../../src/ports/GatewayError.ts"
import type { Principal } from "../../../src/ports/Access.ts"
import type { Answer, Command, Control } from "./control.ts"
import type { MqttLogin, MqttRights } from "./credentials.ts"

export interface DynamicSecurity {
  readonly grant: (rights: MqttRights) => Promise<MqttLogin>
  /** Every client of the principal hears no more of the topic, and cannot subscribe to it again. */
  readonly revoke: (principal: Principal, topic: string) => Promise<void>
  readonly close: () => void
}
const SWEEP_MILLIS = 30_000
/** When to try again to remove a client whose grant expired while the broker was away. */
const RETRY_MILLIS = 2_000
/** At most so many expired clients are removed at one sweep. */
const MAX_SWEPT = 200

/** The client id of a grant. `secret` keeps others from telling whose it is. */
export const nameClient = (prefix: string, secret: string, principal: Principal, expiresAt: number): string =>
  [prefix, expiresAt, tagOf(secret, principal), randomBytes(9).toString("base64url")].join(".")
const tagOf = (secret: string, { id, tenant = "main" }: Principal) =>
  createHmac("sha256", secret)
    .update(JSON.stringify([tenant, id]))
    .digest("base64url")
    .slice(0, 16)

export const makeDynamicSecurity = (control: Control, prefix: string, secret: string): DynamicSecurity => {
  const timers = new Set<ReturnType<typeof setTimeout>>()
  let sweptAt = -Infinity
  let closed = false

  const clients = async (): Promise<readonly string[]> => {
    const [answer] = all(await control.request([{ command: "listClients" }]))
    return (answer!.data!["clients"] as readonly string[]).filter((name) => name.startsWith(`${prefix}.`))
  }
  /** The client first: Mosquitto 2.0.11 crashes at the change after one that deletes a role which a client still has. */
  const remove = (names: readonly string[]) =>
    control.request(
      names.flatMap((name) => [
        { command: "deleteClient", username: name },
        { command: "deleteRole", rolename: name }
      ])
    )
  const sweep = async () => {
    const now = Date.now()
    if (now - sweptAt < SWEEP_MILLIS) return
    sweptAt = now
    const expired = (await clients()).filter((name) => Number(name.split(".")[1]) <= now)
    if (expired.length > 0) await remove(expired.slice(0, MAX_SWEPT))
  }
  const expire = (name: string, at: number) => {
    const timer = setTimeout(
      () => {
        timers.delete(timer)
        remove([name]).catch(() => {
          if (!closed) expire(name, Date.now() + RETRY_MILLIS)
        })
      },
      Math.min(at - Date.now(), 2 ** 31 - 1)
    )
    timer.unref()
    timers.add(timer)
  }
  return {
    grant: async ({ clientId, expiresAt, publish, subscribe }) => {
      const password = randomBytes(24).toString("base64url")
      const acls = [
        ...subscribe.flatMap((topic) => [allow("subscribeLiteral", topic), allow("publishClientReceive", topic)]),
        ...publish.map((topic) => allow("publishClientSend", topic))
      ]
      all(
        await control.request([
          { command: "createRole", rolename: clientId, acls },
          {
            command: "createClient",
            username: clientId,
            clientid: clientId,
            password,
            roles: [{ rolename: clientId }]
          }
        ])
      )
      expire(clientId, expiresAt)
      sweep().catch(() => {})
      return { username: clientId, password }
    },
    revoke: async (principal, topic) => {
      const tag = tagOf(secret, principal)
      const theirs = (await clients()).filter((name) => name.split(".")[2] === tag)
      for (let at = 0; at < theirs.length; at += MAX_SWEPT) {
        const some = theirs.slice(at, at + MAX_SWEPT)
        // those who may not subscribe to it answer with an error, and are left alone
        const had = await control.request(some.map((name) => change("removeRoleACL", name, "subscribeLiteral", topic)))
        const concerned = some.filter((_, index) => had[index]?.error === undefined)
        // receiving is allowed by default in a plugin that was set up by `dynsec init`, so it is forbidden
        if (concerned.length > 0)
          all(
            await control.request(
              concerned.flatMap((name) => [
                change("removeRoleACL", name, "publishClientReceive", topic),
                { ...change("addRoleACL", name, "publishClientReceive", topic), allow: false }
              ])
            )
          )
      }
    },
    close: () => {
      closed = true
      for (const timer of timers) clearTimeout(timer)
      control.close()
    }
  }
}
const allow = (acltype: string, topic: string) => ({ acltype, topic, allow: true })
const change = (command: string, rolename: string, acltype: string, topic: string): Command => ({
  command,
  rolename,
  acltype,
  topic
})

/** Throws for a command that was not done. */
const all = (answers: readonly Answer[]): readonly Answer[] => {
  const failed = answers.find(({ error }) => error !== undefined)
  if (failed !== undefined)
    throw new GatewayRefused({
      status: 0x83,
      remedy: `Mosquitto's dynamic security plugin refused ${failed.command} (${failed.error}); see mqttGateway()'s README.md, Set-up`
    })
  return answers
}
