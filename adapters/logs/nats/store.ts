/**
 * The stream and what is asked of it: messages by subject and sequence, conditional publishes, purges.
 *
 * Every read is answered by the stream's leader, never by a replica. Nothing is sent twice.
 */
import { DiscardPolicy, jetstream, jetstreamManager, JetStreamApiCodes, JetStreamApiError } from "@nats-io/jetstream"
import { RetentionPolicy, StorageType, type JetStreamManager, type StoredMsg } from "@nats-io/jetstream"
import type { NatsConnection } from "@nats-io/transport-node"
import type { Link } from "./connection.ts"
import { isWrongSequence } from "./failures.ts"
import { dueStreamOf } from "./names.ts"

export interface Store {
  readonly stream: string
  /** The newest message on the subject. */
  readonly last: (subject: string) => Promise<StoredMsg | undefined>
  /** The first on the subject that has this sequence or a later one. */
  readonly from: (subject: string, sequence: number) => Promise<StoredMsg | undefined>
  readonly lastDue: (subject: string) => Promise<StoredMsg | undefined>
  /** Answers the sequence, or `undefined` where the newest on the subject has not the sequence `expected`; 0 is none. */
  readonly put: (subject: string, data: Uint8Array, expected?: number) => Promise<number | undefined>
  readonly purge: (filter: string, before?: number) => Promise<void>
  /** Overwrites the message before it is gone. */
  readonly erase: (sequence: number) => Promise<void>
  readonly eraseDue: (sequence: number) => Promise<void>
  readonly subjects: (filter: string) => Promise<readonly string[]>
  /** What a message can hold. */
  readonly maxBytes: () => Promise<number>
  /** Changes with each connection: what was known of the store may not hold for the next. */
  readonly connection: () => Promise<NatsConnection>
}
/** Messages that are asked for at once. */
const AT_ONCE = 64

export const makeStore = (link: Link, stream: string, timeoutMillis: number): Store => {
  const dueStream = dueStreamOf(stream)
  const managers = new WeakMap<NatsConnection, Promise<JetStreamManager>>()
  const manager = async (): Promise<JetStreamManager> => {
    const connection = await link.get()
    const known = managers.get(connection) ?? jetstreamManager(connection, { timeout: timeoutMillis, checkAPI: false })
    managers.set(connection, known)
    return known
  }
  type Query = Parameters<JetStreamManager["streams"]["getMessage"]>[1]
  const get = async (of: string, query: Query | { readonly seq: number; readonly next_by_subj: string }) =>
    // what the server knows, its client's types may not
    (await (await manager()).streams.getMessage(of, query as Query)) ?? undefined
  return {
    stream,
    last: (subject) => get(stream, { last_by_subj: subject }),
    from: (subject, sequence) => get(stream, { seq: Math.max(1, sequence), next_by_subj: subject }),
    lastDue: (subject) => get(dueStream, { last_by_subj: subject }),
    put: async (subject, data, expected) => {
      const client = jetstream(await link.get(), { timeout: timeoutMillis })
      try {
        const expect = expected === undefined ? {} : { expect: { lastSubjectSequence: expected } }
        return (await client.publish(subject, data, { timeout: timeoutMillis, ...expect })).seq
      } catch (cause) {
        if (isWrongSequence(cause)) return undefined
        throw cause
      }
    },
    purge: async (filter, before) => {
      await (await manager()).streams.purge(stream, before === undefined ? { filter } : { filter, seq: before })
    },
    erase: async (sequence) => void (await (await manager()).streams.deleteMessage(stream, sequence, true)),
    eraseDue: async (sequence) => void (await (await manager()).streams.deleteMessage(dueStream, sequence, false)),
    subjects: async (filter) => {
      const of = filter.startsWith(`${dueStream}.`) ? dueStream : stream
      const { state } = await (await manager()).streams.info(of, { subjects_filter: filter })
      return Object.keys(state.subjects ?? {})
    },
    maxBytes: async () => (await link.get()).info?.max_payload ?? 1_048_576,
    connection: link.get
  }
}

/** Makes the streams where they are not there. Throws where one that is there would lose what is in it. */
export const prepareStreams = async (
  connection: NatsConnection,
  stream: string,
  options: { readonly timeoutMillis: number; readonly replicas: number }
): Promise<{ readonly replicas: number; readonly isOnDisk: boolean }> => {
  const { streams } = await jetstreamManager(connection, { timeout: options.timeoutMillis })
  const ensure = async (name: string, most: object) => {
    try {
      return await streams.info(name)
    } catch (cause) {
      if (!(cause instanceof JetStreamApiError && cause.code === JetStreamApiCodes.StreamNotFound)) throw cause
    }
    return streams.add({
      name,
      subjects: [`${name}.>`],
      storage: StorageType.File,
      discard: DiscardPolicy.New,
      num_replicas: options.replicas,
      ...most
    })
  }
  const { config } = await ensure(stream, {})
  await ensure(dueStreamOf(stream), { max_msgs_per_subject: 1, discard: DiscardPolicy.Old })
  const keeps =
    config.retention === RetentionPolicy.Limits &&
    config.max_age === 0 &&
    config.max_msgs_per_subject <= 0 &&
    (config.discard === DiscardPolicy.New || (config.max_msgs <= 0 && config.max_bytes <= 0)) &&
    config.subjects[0] === `${stream}.>`
  if (!keeps) throw new TypeError(`the stream ${stream} would drop messages, or is none of this adapter`)
  return { replicas: config.num_replicas, isOnDisk: config.storage === StorageType.File }
}

/** In order, some at a time. */
export const each = async <A, B>(list: readonly A[], work: (item: A) => Promise<B>): Promise<readonly B[]> => {
  const found: B[] = []
  for (let at = 0; at < list.length; at += AT_ONCE)
    found.push(...(await Promise.all(list.slice(at, at + AT_ONCE).map(work))))
  return found
}
