-- ARGV: worker, seconds of the lease, ids. Returns those that are no longer the worker's.
local lost = {}
for i = 3, #ARGV do
  if mine(ARGV[i], ARGV[1]) then
    redis.call('ZREM', at('running'), ARGV[i]) -- a script that begins with a removal is not refused for want of memory
    redis.call('ZADD', at('running'), text(now + tonumber(ARGV[2])), ARGV[i])
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost
