/** What the server's settings mean for a log: whether it may hold one at all, and what its acknowledgement is worth. */
import type { Durability } from "../../../src/ports/ThreadLog.ts"
import type { Connection } from "./connection.ts"
import { EvictingServer } from "./failures.ts"

const SYNCS: Readonly<Record<string, Durability>> = {
  always: {
    sigkill: "Everything acknowledged: the server writes and syncs its append-only file before it answers.",
    powerCut: "Everything acknowledged, if the disk keeps what it says is synced."
  },
  everysec: {
    sigkill:
      "Everything acknowledged, unless the server is killed while a sync is slow: then up to two seconds of it may be gone, the newest.",
    powerCut: "All but the newest two seconds: the append-only file is synced every second."
  },
  no: {
    sigkill: "Everything acknowledged: it is in the operating system's hands.",
    powerCut: "All but the newest half minute or so: the operating system syncs the append-only file when it likes."
  }
}
const OFF = "Only what the server's last snapshot holds, if it makes any: its append-only file is off."
const NOT_SAID = "Not known: the server does not say whether and how it syncs an append-only file."

const field = (text: unknown, name: string): string | undefined =>
  new RegExp(`^${name}:([^\\r\\n]*)`, "m").exec(String(text))?.[1]

/** Fails with `EvictingServer` for one that deletes keys at will. A server that forbids to ask is trusted. */
export const inspect = async ({ command }: Connection): Promise<Durability> => {
  // Managed servers and users with few rights may not read settings; a lost connection is noticed by the next call.
  const asked = (...args: readonly string[]) => command(...args).catch(() => undefined)
  const setting = async (name: string): Promise<string | undefined> => {
    const pair = await asked("CONFIG", "GET", name)
    return Array.isArray(pair) && pair.length === 2 ? String(pair[1]) : undefined
  }
  const policy =
    (await setting("maxmemory-policy")) ?? field(await asked("INFO", "memory"), "maxmemory_policy") ?? "noeviction"
  if (policy.startsWith("allkeys-")) throw new EvictingServer({ policy })
  const appendOnly = field(await asked("INFO", "persistence"), "aof_enabled")
  if (appendOnly === "0") return { sigkill: OFF, powerCut: OFF }
  const sync = appendOnly === "1" ? await setting("appendfsync") : undefined
  return SYNCS[sync ?? ""] ?? { sigkill: NOT_SAID, powerCut: NOT_SAID }
}
