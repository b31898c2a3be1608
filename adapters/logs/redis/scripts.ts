/**
 * The log's Lua scripts: each is one atomic step. Redis runs nothing else while one runs, so they are short.
 *
 * The first write of a script that may need room is one that Redis refuses when its memory is full, so that it
 * writes all or nothing; scripts that make room begin with a deletion, which is never refused.
 */
import { createHash } from "node:crypto"

export interface Script {
  readonly source: string
  readonly sha: string
}
const script = (source: string): Script => ({ source, sha: createHash("sha1").update(source).digest("hex") })

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`

/** Reads are answered by a primary only: a replica may not have yet what was acknowledged. */
const PRIMARY = `
local about = redis.pcall('INFO', 'replication')
if type(about) == 'string' and string.find(about, 'role:slave', 1, true) then
  return redis.error_reply('READONLY this server is a replica')
end`

const READ_HEAD = `
local head = redis.call('HMGET', KEYS[1], 'l', 'o', 'i', 'n', 's', 'c', 'd', 'u', 't', 'k')
local stray = 0
if not head[4] then stray = redis.call('EXISTS', KEYS[2]) end`

/** Keys: head, entries. Answers now, head, 1 where there are entries without a head. */
export const HEAD = script(`${PRIMARY}${NOW}${READ_HEAD}
return {now, head, stray}`)

/**
 * Keys: head, entries. Arguments: after, limit, maxBytes.
 * Answers as `HEAD`, and the entries; the last is nothing where one is missing.
 */
export const READ = script(`${PRIMARY}${NOW}${READ_HEAD}
local first = tonumber(ARGV[1]) + 1
local last = math.min(tonumber(head[2] or '0') or 0, first + tonumber(ARGV[2]) - 1)
local entries, bytes = {}, 0
if first > tonumber(string.match(head[9] or '0', '^%d+') or '0') then
  for offset = first, last do
    local entry = redis.call('HGET', KEYS[2], offset)
    if not entry then
      entries[#entries + 1] = false
      break
    end
    bytes = bytes + #entry - (string.find(entry, '\\n', 1, true) or 0)
    if bytes > tonumber(ARGV[3]) and #entries > 0 then break end
    entries[#entries + 1] = entry
  end
end
return {now, head, stray, entries}`)

/**
 * Keys: head, entries, notes, note keys, due. Arguments: the expected tag, logId, offset and id; the new logId,
 * offset, id, n and sum; the entry; thread name; control, due and sum, or three times nothing where they stay;
 * then note keys and notes. Answers now; 0 where it conflicts; -1 where the thread is damaged.
 */
export const APPEND = script(`
local head = redis.call('HMGET', KEYS[1], 'l', 'o', 'i', 'n', 'k')
local tag = head[4] or '0'
if head[5] then tag = tag .. '.' .. (string.match(head[5], '^%d+') or '') end
if tag ~= ARGV[1] or (head[1] or '') ~= ARGV[2] or (head[2] or '0') ~= ARGV[3] or (head[3] or '') ~= ARGV[4] then
  return 0
end
for n = 15, #ARGV, 2 do
  if redis.call('HEXISTS', KEYS[3], ARGV[n]) == 1 then return 0 end
end
if not head[4] and redis.call('EXISTS', KEYS[2]) == 1 then return -1 end
if redis.call('HSETNX', KEYS[2], ARGV[6], ARGV[10]) == 0 then return -1 end
redis.call('HSET', KEYS[1], 'l', ARGV[5], 'o', ARGV[6], 'i', ARGV[7], 'n', ARGV[8], 's', ARGV[9])
if head[5] then redis.call('HDEL', KEYS[1], 'k') end
if ARGV[14] ~= '' then
  redis.call('HSET', KEYS[1], 'c', ARGV[12], 'd', ARGV[13], 'u', ARGV[14])
  if ARGV[13] == '' then redis.call('ZREM', KEYS[5], ARGV[11])
  else redis.call('ZADD', KEYS[5], ARGV[13], ARGV[11]) end
end
for n = 15, #ARGV, 2 do
  redis.call('HSET', KEYS[3], ARGV[n], ARGV[n + 1])
  redis.call('ZADD', KEYS[4], 0, ARGV[n])
end${NOW}
return now`)

/** Keys: head, entries. Argument: who knocks. Answers as `HEAD`. */
export const KNOCK = script(`${NOW}
local knock = redis.call('HGET', KEYS[1], 'k')
local count = 1 + (tonumber(string.match(knock or '0', '^%d+') or '0'))
redis.call('HSET', KEYS[1], 'k', string.format('%.0f:%.0f:', count, now) .. ARGV[1])${READ_HEAD}
return {now, head, stray}`)

/** Key: notes. Argument: a note's key. */
export const NOTE = script(`${PRIMARY}
return redis.call('HGET', KEYS[1], ARGV[1])`)

/** Keys: notes, note keys. Argument: prefix. Answers keys, notes, and how many there are in each of the two. */
export const NOTES = script(`${PRIMARY}
local keys = redis.call('ZRANGEBYLEX', KEYS[2], '[' .. ARGV[1], '(' .. ARGV[1] .. '\\255')
local notes = {}
for n = 1, #keys do notes[n] = redis.call('HGET', KEYS[1], keys[n]) end
return {keys, notes, redis.call('HLEN', KEYS[1]), redis.call('ZCARD', KEYS[2])}`)

/** Keys: snapshot, head. Answers l, o, v, s of the snapshot and l, t of the head. */
export const SNAPSHOT = script(`${PRIMARY}
local snapshot = redis.call('HMGET', KEYS[1], 'l', 'o', 'v', 's')
local head = redis.call('HMGET', KEYS[2], 'l', 't')
return {snapshot[1], snapshot[2], snapshot[3], snapshot[4], head[1], head[2]}`)

/** Keys: snapshot, head. Arguments: l, o, v, s. */
export const SAVE_SNAPSHOT = script(`
local head = redis.call('HMGET', KEYS[2], 'l', 'o')
local newest, offset = tonumber(head[2] or '0'), tonumber(ARGV[2])
if head[1] ~= ARGV[1] or offset > newest then return 0 end
local saved = redis.call('HMGET', KEYS[1], 'l', 'o')
local at = tonumber(saved[2] or '0') or 0
if saved[1] == ARGV[1] and at > offset and at <= newest then return 0 end
redis.call('HSET', KEYS[1], 'l', ARGV[1], 'o', ARGV[2], 'v', ARGV[3], 's', ARGV[4])
return 1`)

/**
 * Keys: head, entries, snapshot. Arguments: logId, the offset trimmed to so far, the new one, its record.
 * Answers 0, and does nothing, where that is not so or no snapshot covers it any more.
 */
export const TRIM = script(`
local head = redis.call('HMGET', KEYS[1], 'l', 't')
local snapshot = redis.call('HMGET', KEYS[3], 'l', 'o')
local from, to = tonumber(ARGV[2]), tonumber(ARGV[3])
if head[1] ~= ARGV[1] or tonumber(string.match(head[2] or '0', '^%d+') or '0') ~= from
  or snapshot[1] ~= ARGV[1] or tonumber(snapshot[2] or '0') < to then return 0 end
for offset = from + 1, to do redis.call('HDEL', KEYS[2], offset) end
redis.call('HSET', KEYS[1], 't', ARGV[4])
return 1`)

/**
 * Keys: head, entries, notes, note keys. Arguments: logId, how many note keys, these; then offsets and entries.
 * Answers 0 where the thread was dropped meanwhile. Deletes first: a script that did may write to a full server.
 */
export const ERASE = script(`
if (redis.call('HGET', KEYS[1], 'l') or '') ~= ARGV[1] then return 0 end
local notes = tonumber(ARGV[2])
for n = 3, 2 + notes do
  redis.call('HDEL', KEYS[3], ARGV[n])
  redis.call('ZREM', KEYS[4], ARGV[n])
end
for n = 3 + notes, #ARGV, 2 do
  if redis.call('HDEL', KEYS[2], ARGV[n]) == 1 then redis.call('HSET', KEYS[2], ARGV[n], ARGV[n + 1]) end
end
return 1`)

/** Keys: head, due, then what else is removed. Arguments: thread name, l, n, s. */
export const DROP = script(`
redis.call('UNLINK', unpack(KEYS, 3))
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('UNLINK', KEYS[1])
redis.call('HSET', KEYS[1], 'l', ARGV[2], 'o', '0', 'i', '', 'n', ARGV[3], 's', ARGV[4])
return 1`)
