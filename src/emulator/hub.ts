/**
 * A hub: its connections, who is in which group, whose they are, and fan-out.
 *
 * Connections are added and removed by `handshake.ts`; a group exists as long as it has a member.
 */
import type { Connection } from "./connection.ts"
import type { EventHandlers } from "./eventHandlers.ts"
import type { Message } from "./frames.ts"

export const isHubName = (name: string): boolean => /^[A-Za-z][A-Za-z0-9_`,.[\]]{0,127}$/.test(name)
export const isGroupName = (name: unknown): name is string =>
  typeof name === "string" && name.length >= 1 && name.length <= 1024 && name.trim() !== ""

const add = (index: Map<string, Set<Connection>>, key: string, connection: Connection): void => {
  const members = index.get(key)
  if (members === undefined) index.set(key, new Set([connection]))
  else members.add(connection)
}
const remove = (index: Map<string, Set<Connection>>, key: string, connection: Connection): void => {
  const members = index.get(key)
  if (members === undefined) return
  members.delete(connection)
  if (members.size === 0) index.delete(key)
}

const NOBODY: ReadonlySet<Connection> = new Set()

export class Hub {
  readonly name: string
  readonly handlers: EventHandlers
  readonly connections = new Map<string, Connection>()
  readonly #groups = new Map<string, Set<Connection>>()
  readonly #users = new Map<string, Set<Connection>>()

  constructor(name: string, handlers: EventHandlers) {
    this.name = name
    this.handlers = handlers
  }

  add(connection: Connection): void {
    this.connections.set(connection.id, connection)
    if (connection.userId !== undefined) add(this.#users, connection.userId, connection)
  }

  remove(connection: Connection): void {
    this.connections.delete(connection.id)
    if (connection.userId !== undefined) remove(this.#users, connection.userId, connection)
    for (const group of connection.groups) remove(this.#groups, group, connection)
    connection.groups.clear()
  }

  join(connection: Connection, group: string): void {
    connection.groups.add(group)
    add(this.#groups, group, connection)
  }

  leave(connection: Connection, group: string): void {
    connection.groups.delete(group)
    remove(this.#groups, group, connection)
  }

  leaveAll(connection: Connection): void {
    for (const group of [...connection.groups]) this.leave(connection, group)
  }

  group(name: string): ReadonlySet<Connection> {
    return this.#groups.get(name) ?? NOBODY
  }

  user(userId: string): ReadonlySet<Connection> {
    return this.#users.get(userId) ?? NOBODY
  }
}

/** Delivers one message to each connection but those excluded by id; returns how many. */
export const fanOut = (
  connections: Iterable<Connection>,
  message: Message,
  excluded: ReadonlySet<string> | undefined
): number => {
  let count = 0
  for (const connection of connections) {
    if (excluded?.has(connection.id) === true) continue
    connection.deliver(message)
    count++
  }
  return count
}
