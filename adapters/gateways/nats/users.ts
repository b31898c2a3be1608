/**
 * Users that the backend makes: for itself, and for each grant. A user's rights are in its JWT, signed for the account; the
 * server holds it to them.
 *
 * A client may hear its groups and the replies to itself, and publish on one subject that bears its connection's id. The
 * id is the hash of its ticket, so that the bridge knows who speaks: the server lets nobody else publish there.
 */
import { createHash } from "node:crypto"
import { encodeUser, type User } from "@nats-io/jwt"
import { jwtAuthenticator, nkeys, type Authenticator } from "@nats-io/transport-node"
import { MAX_REQUEST_BYTES } from "../../../src/protocol/Limits.ts"
import { tokenOf, type Subjects } from "./wire.ts"

/** The account that vouches for users, and the key that signs for it. */
export interface Issuer {
  readonly account: string
  readonly signer: ReturnType<typeof nkeys.fromSeed>
}
/** Throws a `TypeError` that names the wrong setting. */
export const issuerOf = (signingSeed: string, account?: string): Issuer => {
  let signer: Issuer["signer"] | undefined
  try {
    signer = nkeys.fromSeed(new TextEncoder().encode(signingSeed))
  } catch {
    // whatever is wrong with it, the error must not show it
  }
  if (signer === undefined || !signingSeed.startsWith("SA"))
    throw new TypeError("signingSeed must be the seed of an account or of its signing key: SA…")
  signer = withKnownKeys(signer)
  const own = signer.getPublicKey()
  if (account !== undefined && !/^A[A-Z2-7]{55}$/.test(account))
    throw new TypeError("account must be the public key of an account: A…")
  return { account: account ?? own, signer }
}
/** `@nats-io/nkeys` works a key out anew, in 5 ms, each time it is asked for it. */
const withKnownKeys = (pair: Issuer["signer"]): Issuer["signer"] => {
  const [publicKey, privateKey] = [pair.getPublicKey(), pair.getPrivateKey()]
  return Object.assign(Object.create(pair), { getPublicKey: () => publicKey, getPrivateKey: () => privateKey })
}

const encode = (issuer: Issuer, name: string, user: Partial<User>, expiresAt?: number) => {
  const pair = nkeys.createUser()
  const publicKey = pair.getPublicKey()
  const isOwn = issuer.signer.getPublicKey() === issuer.account
  return encodeUser(name, publicKey, isOwn ? issuer.signer : issuer.account, user, {
    ...(isOwn ? {} : { signer: issuer.signer }),
    ...(expiresAt === undefined ? {} : { exp: Math.ceil(expiresAt / 1000) })
  }).then((jwt) => ({ jwt, seed: pair.getSeed() }))
}

/** The backend's own user, which may publish to and hear every group. Its seed never leaves this process. */
export const backendUser = async (issuer: Issuer, subjects: string): Promise<Authenticator> => {
  const allow = [subjects]
  const { jwt, seed } = await encode(issuer, "throughline-backend", { pub: { allow }, sub: { allow } })
  return jwtAuthenticator(jwt, seed)
}

/** By which the bridge and the server know a connection. */
export const connectionOf = (ticket: string): string =>
  createHash("sha256").update(ticket).digest("base64url").slice(0, 32)

/** What a client may send: an event of the largest size, and its ticket. */
const MAX_CLIENT_BYTES = MAX_REQUEST_BYTES + 16 * 1024

/** The token of a grant. The server cuts its connection when it expires. */
export const clientToken = async (
  issuer: Issuer,
  subjects: Subjects,
  grant: { readonly ticket: string; readonly groups: readonly string[]; readonly expiresAt: number }
): Promise<string> => {
  const connection = connectionOf(grant.ticket)
  const { jwt, seed } = await encode(
    issuer,
    grant.ticket,
    {
      pub: { allow: [subjects.up(connection)] },
      sub: { allow: [`${subjects.inbox(connection)}.>`, ...grant.groups.map(subjects.group)] },
      subs: grant.groups.length + 1,
      payload: MAX_CLIENT_BYTES,
      allowed_connection_types: ["WEBSOCKET"]
    },
    grant.expiresAt
  )
  return tokenOf(jwt, new TextDecoder().decode(seed))
}
