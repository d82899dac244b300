-- ARGV: most attempts, seconds that results are kept, the error of a task whose workers died.
local most_attempts, ttl, grace, most, found = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[4]), 500, 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', at('running'), '-inf', '(' .. text(now), 'LIMIT', 0, 500)) do
  local attempts = tonumber(redis.call('HGET', task(id), 'attempts'))
  if attempts < most_attempts then
    queue_again(id, '')
  else
    finish(id, nil, ARGV[3], ttl)
  end
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', at('ended'), '-inf', '(' .. text(now), 'LIMIT', 0, most)) do
  found = found + 1
  local t = redis.call('HMGET', task(id), 'callback_state', 'key', 'size', 'state', 'expires')
  if t[1] == 'pending' and tonumber(t[5]) + grace > now then
    redis.call('ZADD', at('ended'), text(now + 60), id) -- looked at again when its notice may have been settled
  else
    if t[2] and t[2] ~= '' then
      local named = redis.call('GET', P .. ':key:' .. t[2])
      if named and string.sub(named, 66) == id then redis.call('DEL', P .. ':key:' .. t[2]) end
    end
    if t[4] == 'failed' then redis.call('DECR', at('failed')) end
    redis.call('DECRBY', at('bytes'), t[3] or '0')
    redis.call('UNLINK', task(id), P .. ':result:' .. id)
    redis.call('ZREM', at('ended'), id)
    redis.call('ZREM', at('all'), id)
    redis.call('ZREM', at('callbacks'), id)
  end
end
return found == most and 1 or 0
