-- ARGV: most notices, seconds after which they come again.
local found = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', at('callbacks'), '-inf', text(now), 'LIMIT', 0, tonumber(ARGV[1]))) do
  local attempt = redis.call('HINCRBY', task(id), 'callback_attempts', 1)
  redis.call('ZADD', at('callbacks'), text(now + tonumber(ARGV[2])), id)
  local t = redis.call('HMGET', task(id), 'callback', 'trace')
  found[#found + 1] = {id, t[1], attempt, t[2] or ''}
end
return found
