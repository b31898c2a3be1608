/** The queue's Lua scripts: each is one atomic step, by the server's clock. */

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`

/** Keys: jobs, times, tries, numbers. Arguments: the job, the channel. Ids sort as they were given. */
export const ENQUEUE = `${NOW}
local id = string.format('%016d', redis.call('INCR', KEYS[4]))
redis.call('HSET', KEYS[1], id, ARGV[1])
redis.call('ZADD', KEYS[2], now, id)
redis.call('PUBLISH', ARGV[2], '')`

/**
 * Keys: jobs, times, tries. Arguments: limit, milliseconds to hide.
 * Answers id, attempt and job of each that was taken, and in how many milliseconds the next is to be seen, or -1.
 */
export const TAKE = `${NOW}
local taken = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, ARGV[1])) do
  local job = redis.call('HGET', KEYS[1], id)
  if job then
    redis.call('ZADD', KEYS[2], now + ARGV[2], id)
    for _, value in ipairs({id, redis.call('HINCRBY', KEYS[3], id, 1), job}) do taken[#taken + 1] = value end
  else
    redis.call('ZREM', KEYS[2], id)
  end
end
local next = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
return {taken, next[2] and math.ceil(next[2] - now) or -1}`

/** Keys: jobs, times, tries. Arguments: id, attempt. Does nothing for a job that another has taken since. */
export const COMPLETE = `
if redis.call('HGET', KEYS[3], ARGV[1]) == ARGV[2] then
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('HDEL', KEYS[3], ARGV[1])
end`

/** Keys: jobs, times, tries. Arguments: id, attempt, milliseconds to hide, the channel or nothing. */
export const HIDE = `${NOW}
if redis.call('HGET', KEYS[3], ARGV[1]) == ARGV[2] then
  redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
  if ARGV[4] ~= '' then redis.call('PUBLISH', ARGV[4], '') end
end`
