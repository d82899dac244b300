-- ARGV: worker, ids that it knows of.
local known = {}
for i = 2, #ARGV do known[ARGV[i]] = true end
for _, id in ipairs(redis.call('ZRANGE', at('running'), 0, -1)) do
  if not known[id] and mine(id, ARGV[1]) then
    redis.call('HINCRBY', task(id), 'attempts', -1)
    redis.call('HDEL', task(id), 'started')
    queue_again(id, '')
  end
end
return 0
