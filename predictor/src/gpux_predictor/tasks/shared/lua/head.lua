-- Before every script: the names of the keys, the time, and the changes that several scripts make.
local P = KEYS[1]
local function at(name) return P .. ':' .. name end
local function task(id) return P .. ':task:' .. id end
local T = redis.call('TIME')
local now = tonumber(T[1]) + tonumber(T[2]) / 1e6
local function text(number) return string.format('%.6f', number) end
local function queue_again(id, error)
  redis.call('ZREM', at('running'), id)
  redis.call('HSET', task(id), 'state', 'queued', 'error', error)
  redis.call('HDEL', task(id), 'worker')
  redis.call('ZADD', at('queued'), redis.call('HGET', task(id), 'seq'), id)
end
local function finish(id, result, error, ttl)
  local t = task(id)
  redis.call('ZREM', at('running'), id)
  redis.call('ZREM', at('queued'), id)
  redis.call('UNLINK', P .. ':body:' .. id)
  local size = 0
  if result then
    size = string.len(result)
    redis.call('SET', P .. ':result:' .. id, result)
  else
    redis.call('INCR', at('failed'))
  end
  redis.call('INCRBY', at('bytes'), size - tonumber(redis.call('HGET', t, 'size')))
  redis.call('HSET', t, 'state', result and 'succeeded' or 'failed', 'ended', text(now), 'expires', text(now + ttl),
    'size', size, 'error', error)
  redis.call('HDEL', t, 'worker')
  redis.call('ZADD', at('ended'), text(now + ttl), id)
  if redis.call('HEXISTS', t, 'callback') == 1 then
    redis.call('HSET', t, 'callback_state', 'pending')
    redis.call('ZADD', at('callbacks'), text(now), id)
  end
end
local function mine(id, worker)
  local found = redis.call('HMGET', task(id), 'state', 'worker')
  return found[1] == 'running' and found[2] == worker
end
