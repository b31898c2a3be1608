/**
 * The Durable Objects of the log: `ThroughlineThread` holds one thread, `ThroughlineDue` a part of the index of what is due.
 *
 * A thread's object does one thing after the other, so an append needs no lock: it compares, writes and answers. Before it
 * writes that something is due earlier than the index knows, it tells the index; what is due later the index learns when it
 * asks. So the index names a thread too often at times and never too late, and most appends concern their own object alone.
 */
import { answer } from "./answer.ts"
import { makeDueStore } from "./dueStore.ts"
import { makeStore, type Store } from "./store.ts"
import { dueObjectOf, type Answer, type DueOperations, type ThreadOperations } from "./wire.ts"
import type { ObjectContext, ObjectNamespace } from "./workers.ts"

export interface LogWorkerEnv {
  /** Class `ThroughlineThread`, with SQLite. */
  readonly THROUGHLINE_THREADS: ObjectNamespace
  /** Class `ThroughlineDue`, with SQLite. */
  readonly THROUGHLINE_DUE: ObjectNamespace
}
/** An operation, which may also take time. */
type Given<O> = {
  readonly [K in keyof O]: O[K] extends (given: infer G) => infer A
    ? (given: G & { readonly thread: string }) => A | Promise<A>
    : never
}

const ANNOUNCE_MILLIS = 5_000

export class ThroughlineThread {
  readonly #env: LogWorkerEnv
  readonly #store: Store
  /** What the index is being told, before the append that it is about. */
  readonly #announcing = new Set<{ readonly at: number }>()
  readonly #operations: Given<ThreadOperations>

  constructor(context: ObjectContext, env: LogWorkerEnv) {
    this.#env = env
    const store = makeStore(context.storage)
    this.#store = store
    this.#operations = {
      head: () => store.head(),
      append: async ({ append, thread }) => {
        const { due } = append
        if (due === null || store.conflicts(append)) return store.append(append)
        const known = store.announced()
        if (known !== null && known <= due) return store.append(append)
        const announcing = { at: due }
        this.#announcing.add(announcing)
        try {
          await this.#announce(thread, due)
          return store.append(append)
        } finally {
          this.#announcing.delete(announcing)
        }
      },
      knock: ({ by }) => store.knock(by),
      read: ({ after, options }) => store.read(after, options),
      note: ({ key }) => store.note(key),
      notes: ({ prefix }) => store.notes(prefix),
      snapshot: () => store.snapshot(),
      saveSnapshot: ({ snapshot }) => store.saveSnapshot(snapshot),
      trim: ({ offset }) => store.trim(offset),
      between: ({ from, to }) => store.between(from, to),
      erase: ({ entries, noteKeys }) => store.erase(entries, noteKeys),
      drop: ({ logId }) => store.drop(logId),
      due: () => this.#due()
    }
  }
  fetch(request: Request): Promise<Response> {
    return answer(request, this.#operations)
  }

  #due(): number | null {
    const times = [...this.#announcing].map(({ at }) => at)
    const { due } = this.#store.head()
    if (due !== null) times.push(due)
    const earliest = times.length === 0 ? null : Math.min(...times)
    if (this.#store.announced() !== earliest) this.#store.setAnnounced(earliest)
    return earliest
  }
  async #announce(thread: string, at: number): Promise<void> {
    const { THROUGHLINE_DUE } = this.#env
    const stub = THROUGHLINE_DUE.get(THROUGHLINE_DUE.idFromName(dueObjectOf(thread)))
    const response = await stub.fetch("https://due/announce", {
      method: "POST",
      body: JSON.stringify({ thread, at }),
      signal: AbortSignal.timeout(ANNOUNCE_MILLIS)
    })
    const answered = (await response.json()) as Answer
    if ("refusal" in answered) throw new Error(`the index of what is due refused: ${answered.refusal._tag}`)
  }
}

export class ThroughlineDue {
  readonly #operations: DueOperations

  constructor(context: ObjectContext) {
    this.#operations = makeDueStore(context.storage)
  }
  fetch(request: Request): Promise<Response> {
    return answer(request, this.#operations)
  }
}
