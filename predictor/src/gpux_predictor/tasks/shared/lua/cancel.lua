-- ARGV: id, error, seconds that results are kept.
local state = redis.call('HGET', task(ARGV[1]), 'state')
if state == 'queued' or state == 'running' then finish(ARGV[1], nil, ARGV[2], tonumber(ARGV[3])) end
return 0
