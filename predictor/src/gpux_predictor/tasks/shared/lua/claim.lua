-- ARGV: worker, most tasks, most bytes, 1 if the worker is idle, seconds of the lease.
local worker, most, most_bytes, idle, lease = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1', tonumber(ARGV[5])
local claimed, size = {}, 0
for _, id in ipairs(redis.call('ZRANGE', at('queued'), 0, most - 1)) do
  local t = redis.call('HMGET', task(id), 'attempts', 'size', 'type', 'trace')
  local body = redis.call('EXISTS', P .. ':body:' .. id) == 1
  if not t[1] or not body then
    -- Redis has evicted it (maxmemory-policy): there is nothing left to run
    redis.call('ZREM', at('queued'), id)
    redis.call('ZREM', at('all'), id)
    redis.call('UNLINK', task(id), P .. ':body:' .. id)
  else
    local attempts, length = tonumber(t[1]), tonumber(t[2])
    if #claimed > 0 and (attempts > 0 or size + length > most_bytes) then break end
    if attempts > 0 and not idle then break end
    size = size + length
    redis.call('ZREM', at('queued'), id)
    redis.call('ZADD', at('running'), text(now + lease), id)
    redis.call('HSET', task(id), 'state', 'running', 'attempts', attempts + 1, 'started', text(now), 'worker', worker)
    claimed[#claimed + 1] = {id, attempts + 1, redis.call('GET', P .. ':body:' .. id), t[3], t[4] or ''}
    if attempts > 0 then break end
  end
end
return claimed
