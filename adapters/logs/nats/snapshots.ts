/** The thread's snapshot: one message, or parts that were written before the message that names them. */
import { randomUUID } from "node:crypto"
import type { Snapshot } from "../../../src/ports/ThreadLog.ts"
import { namesOf } from "./names.ts"
import { decode, encode } from "./records.ts"
import { logIdOf, offsetOf, type Seen } from "./state.ts"
import { each, type Store } from "./store.ts"

interface Manifest {
  readonly logId: string
  readonly offset: number
  readonly nonce: string
  /** 0: the text follows. */
  readonly parts: number
}
/** What a message holds beside a part's text. */
const OVERHEAD_BYTES = 4_096
const TRIES = 5

const readManifest = async (store: Store, thread: string) => {
  const found = await store.last(namesOf(store.stream, thread).snapshot)
  if (found === undefined) return undefined
  const { body, record } = decode<Manifest>(found.data)
  return { ...record, body, sequence: found.seq }
}
export const readSnapshot = async (store: Store, thread: string, logId: string): Promise<Snapshot | undefined> => {
  for (let tries = 0; tries < TRIES; tries++) {
    const manifest = await readManifest(store, thread)
    if (manifest === undefined || manifest.logId !== logId) return undefined
    if (manifest.parts === 0) return JSON.parse(manifest.body) as Snapshot
    const subject = namesOf(store.stream, thread).parts(manifest.nonce)
    const parts = await each(
      Array.from({ length: manifest.parts }, (_, n) => n),
      (n) => store.last(`${subject}.${n}`)
    )
    // a newer one may have taken its place meanwhile
    if (parts.every((part) => part !== undefined))
      return JSON.parse(Buffer.concat(parts.map(({ data }) => data)).toString()) as Snapshot
  }
  return undefined
}
export const writeSnapshot = async (store: Store, thread: string, seen: Seen, snapshot: Snapshot): Promise<void> => {
  const { logId, offset } = snapshot
  if (logId !== logIdOf(seen) || offset > offsetOf(seen)) return
  const names = namesOf(store.stream, thread)
  const text = Buffer.from(JSON.stringify(snapshot))
  const size = (await store.maxBytes()) - OVERHEAD_BYTES
  const nonce = randomUUID()
  const count = text.length <= size ? 0 : Math.ceil(text.length / size)
  await each(
    Array.from({ length: count }, (_, n) => n),
    (n) => store.put(`${names.parts(nonce)}.${n}`, text.subarray(n * size, (n + 1) * size))
  )
  for (;;) {
    const current = await readManifest(store, thread)
    const isNewer = current?.logId === logId && current.offset > offset
    const data = encode({ logId, offset, nonce, parts: count } satisfies Manifest, count === 0 ? text.toString() : "")
    const written = isNewer ? undefined : await store.put(names.snapshot, data, current?.sequence ?? 0)
    if (written === undefined && !isNewer) continue
    if (written !== undefined) await store.purge(names.snapshot, written)
    const left = isNewer ? nonce : current?.nonce
    if (left !== undefined) await store.purge(`${names.parts(left)}.*`)
    return
  }
}
