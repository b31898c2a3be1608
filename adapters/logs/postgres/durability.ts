/** What this server's settings mean for what was acknowledged. Read once, when the log is opened. */
import type { Durability } from "../../../src/ports/ThreadLog.ts"
import type { Database } from "./connection.ts"

const SETTINGS = ["fsync", "full_page_writes", "synchronous_commit", "synchronous_standby_names", "wal_writer_delay"]

export const readDurability = async ({ query }: Database): Promise<Durability> => {
  const columns = SETTINGS.map((name) => `current_setting('${name}') AS ${name}`).join(", ")
  const [row] = await query({ name: "", text: `SELECT ${columns}` }, [])
  return durabilityOf((name) => String(row?.[name]))
}
/** In sentences, from the settings' values. */
export const durabilityOf = (setting: (name: string) => string): Durability => {
  const commit = setting("synchronous_commit")
  const late = `commits answer before they are written (synchronous_commit=off): the newest moments, up to three times ${setting("wal_writer_delay")}, may be gone`
  const sigkill = "Everything acknowledged survives the end of a process that uses the log"
  return {
    sigkill: commit === "off" ? `${sigkill}; when the server is killed, ${late}.` : `${sigkill}, and of the server's.`,
    powerCut: powerCut(setting, commit, late)
  }
}
const powerCut = (setting: (name: string) => string, commit: string, late: string): string => {
  if (setting("fsync") === "off")
    return "Nothing is sure: the server does not sync its disk (fsync=off), and its files may be damaged."
  const torn = setting("full_page_writes") === "off" ? " Its pages may be torn (full_page_writes=off)." : ""
  if (commit === "off") return `Whole, but ${late}.${torn}`
  const standbys = setting("synchronous_standby_names")
  const copies = standbys === "" || commit === "local" ? "" : (COPIES[commit] ?? "")
  const alone = copies === "" ? " If its disk is lost, so is what no replica has yet: none is waited for." : ""
  return `Everything acknowledged: it is synced to the server's disk${copies}.${alone}${torn}`
}
const COPIES: Readonly<Record<string, string>> = {
  remote_write: " and in the hands of its synchronous standbys' operating systems",
  on: " and to those of its synchronous standbys",
  remote_apply: " and to those of its synchronous standbys, which show it already"
}
