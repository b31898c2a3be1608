/** NATS: a real server in operator mode, its clients over WebSocket, the bridge to a real backend. */
import { encodeAccount, encodeOperator, encodeUser, fmtCreds, type Account, type User } from "@nats-io/jwt"
import { nkeys } from "@nats-io/transport-node"
import { startNatsBridge, type NatsBridge } from "../../../../adapters/gateways/nats/bridge.ts"
import { natsClient } from "../../../../adapters/gateways/nats/client.ts"
import { natsGateway, type NatsGatewayOptions } from "../../../../adapters/gateways/nats/server.ts"
import { hasNats, startCuttable, startNats, type NatsServer } from "../../nats.ts"
import { build, startBackend, type RunningEnv } from "./environment.ts"

export const whyNatsIsMissing: string | undefined = hasNats() ? undefined : "Debian's nats-server is not installed"
export const NATS_KEY = "a key of the tests, thirty-two characters long"

const UNLIMITED: Partial<Account> = {
  limits: {
    ...{ subs: -1, data: -1, payload: -1, imports: -1, exports: -1, conn: -1, leaf: -1 },
    ...{ wildcards: true, mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 }
  }
}
const seedOf = (pair: ReturnType<typeof nkeys.createAccount>) => new TextDecoder().decode(pair.getSeed())

/** An operator with an account that has a signing key, and a system account; and the server's configuration for them. */
export const makeAccounts = async () => {
  const [operator, account, signing, system] = [
    nkeys.createOperator(),
    nkeys.createAccount(),
    nkeys.createAccount(),
    nkeys.createAccount()
  ]
  const creds = async (of: typeof account, name: string, user: Partial<User>) => {
    const pair = nkeys.createUser()
    return new TextDecoder().decode(fmtCreds(await encodeUser(name, pair, of, user), pair))
  }
  const [accountId, systemId] = [account.getPublicKey(), system.getPublicKey()]
  const operatorJwt = await encodeOperator("operator", operator, { system_account: systemId })
  const jwts = {
    [accountId]: await encodeAccount(
      "app",
      account,
      { ...UNLIMITED, signing_keys: [signing.getPublicKey()] },
      { signer: operator }
    ),
    [systemId]: await encodeAccount("SYS", system, UNLIMITED, { signer: operator })
  }
  return {
    account: accountId,
    accountSeed: seedOf(account),
    signingSeed: seedOf(signing),
    bridgeCredentials: await creds(account, "bridge", {
      pub: { allow: ["throughline.in.>"] },
      sub: { allow: ["throughline.up.*"] }
    }),
    systemCredentials: await creds(system, "bridge-system", {
      pub: { deny: [">"] },
      sub: { allow: ["$SYS.ACCOUNT.*.CONNECT", "$SYS.ACCOUNT.*.DISCONNECT"] }
    }),
    config: [
      `operator: ${operatorJwt}`,
      `system_account: ${systemId}`,
      "resolver: MEMORY",
      `resolver_preload: ${JSON.stringify(jwts)}`
    ]
  }
}

/** Making keys takes a while; every server of a test file can have the same. */
let usual: ReturnType<typeof makeAccounts> | undefined

export interface NatsService {
  readonly server: NatsServer
  readonly accounts: Awaited<ReturnType<typeof makeAccounts>>
  readonly options: NatsGatewayOptions
  readonly upstream: string
  readonly startBridge: () => Promise<NatsBridge>
}

export const startNatsGateway = async (
  options: Partial<NatsGatewayOptions> & { readonly bridge?: boolean; readonly settings?: readonly string[] } = {}
): Promise<RunningEnv<NatsService>> => {
  const { bridge: hasBridge = true, settings = [], ...rest } = options
  const accounts = await (usual ??= makeAccounts())
  const server = await startNats(...accounts.config, ...settings)
  const [tcp, ws] = [await startCuttable(server.url), await startCuttable(server.wsUrl)]
  const backend = await startBackend()
  const upstream = `${backend.url}/upstream/nats`
  const own: NatsGatewayOptions = {
    servers: tcp.url,
    clientUrl: ws.url,
    signingSeed: accounts.signingSeed,
    account: accounts.account,
    key: NATS_KEY,
    ...rest
  }
  const mine = await build(natsGateway(own))
  const foreign = await build(
    natsGateway({ ...own, signingSeed: seedOf(nkeys.createAccount()), key: "another".repeat(6) })
  )
  backend.serve(mine.gateway)
  const startBridge = () =>
    startNatsBridge({
      servers: server.url,
      credentials: accounts.bridgeCredentials,
      systemCredentials: accounts.systemCredentials,
      key: NATS_KEY,
      upstream
    })
  const bridge = hasBridge ? await startBridge() : undefined
  return {
    service: { server, accounts, options: own, upstream, startBridge },
    gateway: mine.gateway,
    foreign: foreign.gateway,
    client: natsClient(),
    onUpstream: backend.onUpstream,
    calls: backend.calls,
    cut: () => {
      tcp.cut()
      ws.cut()
    },
    close: async () => {
      await Promise.all([mine.close(), foreign.close(), bridge?.close()])
      await Promise.all([tcp.close(), ws.close(), backend.close()])
      await server.close()
    }
  }
}
