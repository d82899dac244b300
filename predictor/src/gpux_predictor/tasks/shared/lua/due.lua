-- ARGV: most notices, seconds after which they come again, most of a host, how many stay free if a host gets more, how many are
-- looked at from each end, and the hosts of attempts under way.
local most, again_in, of_a_host = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local kept_free, looked_at = tonumber(ARGV[4]), tonumber(ARGV[5])
local found, hosts, crowded = {}, {}, false
for i = 6, #ARGV do
  hosts[ARGV[i]] = (hosts[ARGV[i]] or 0) + 1
  crowded = crowded or hosts[ARGV[i]] >= of_a_host
end
local function take(id)
  local t = redis.call('HMGET', task(id), 'callback', 'trace')
  if not t[1] then
    redis.call('ZREM', at('callbacks'), id) -- Redis has evicted it (maxmemory-policy)
    return
  end
  local host = string.match(t[1], '^%a+://([^/?]*)')
  if (hosts[host] or 0) >= of_a_host then return end
  hosts[host] = (hosts[host] or 0) + 1
  crowded = crowded or hosts[host] >= of_a_host
  redis.call('ZADD', at('callbacks'), text(now + again_in), id)
  found[#found + 1] = {id, t[1], redis.call('HINCRBY', task(id), 'callback_attempts', 1), t[2] or ''}
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', at('callbacks'), '-inf', text(now), 'LIMIT', 0, looked_at)) do
  if #found == most then return found end
  take(id)
end
if crowded then
  -- the newest, then whatever there is: what was taken is no longer due
  for _, id in ipairs(redis.call('ZREVRANGEBYSCORE', at('callbacks'), text(now), '-inf', 'LIMIT', 0, looked_at)) do
    if #found == most then return found end
    take(id)
  end
  of_a_host = most + #ARGV
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', at('callbacks'), '-inf', text(now), 'LIMIT', 0, looked_at)) do
    if #found + kept_free >= most then return found end
    take(id)
  end
end
return found
