-- ARGV: worker, most attempts, seconds that results are kept; for each outcome: id, attempt, "result" or "error", content, 1 if it may be tried again.
local worker, most_attempts, ttl = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
for i = 4, #ARGV, 5 do
  local id, attempt, kind, content, again = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4] == '1'
  if mine(id, worker) and redis.call('HGET', task(id), 'attempts') == attempt then
    if kind == 'result' then
      finish(id, content, '', ttl)
    elseif again and tonumber(attempt) < most_attempts then
      queue_again(id, content)
    else
      finish(id, nil, content, ttl)
    end
  end
end
return 0
