-- ARGV: most attempts, seconds that results are kept, the error of a task whose workers died.
local most_attempts, ttl = tonumber(ARGV[1]), tonumber(ARGV[2])
for _, id in ipairs(redis.call('ZRANGEBYSCORE', at('running'), '-inf', '(' .. text(now), 'LIMIT', 0, 500)) do
  local attempts = tonumber(redis.call('HGET', task(id), 'attempts'))
  if attempts < most_attempts then
    queue_again(id, '')
  else
    finish(id, nil, ARGV[3], ttl)
  end
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', at('ended'), '-inf', '(' .. text(now), 'LIMIT', 0, 500)) do
  local t = redis.call('HMGET', task(id), 'callback_state', 'key', 'size', 'state')
  if t[1] ~= 'pending' then
    if t[2] and t[2] ~= '' then redis.call('DEL', P .. ':key:' .. t[2]) end
    if t[4] == 'failed' then redis.call('DECR', at('failed')) end
    redis.call('DECRBY', at('bytes'), t[3] or '0')
    redis.call('UNLINK', task(id), P .. ':result:' .. id)
    redis.call('ZREM', at('ended'), id)
    redis.call('ZREM', at('all'), id)
    redis.call('ZREM', at('callbacks'), id)
  end
end
return 0
