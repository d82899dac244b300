-- ARGV: most notices, seconds after which they come again.
local found = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', at('callbacks'), '-inf', text(now), 'LIMIT', 0, tonumber(ARGV[1]))) do
  local attempt = redis.call('HINCRBY', task(id), 'callback_attempts', 1)
  redis.call('ZADD', at('callbacks'), text(now + tonumber(ARGV[2])), id)
  found[#found + 1] = {id, redis.call('HGET', task(id), 'callback'), attempt}
end
return found
