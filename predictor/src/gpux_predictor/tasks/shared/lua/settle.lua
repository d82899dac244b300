-- ARGV, for each outcome: id, attempt, error or "", seconds until the next try or "".
for i = 1, #ARGV, 4 do
  local id, attempt, error, again = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local t = redis.call('HMGET', task(id), 'callback_state', 'callback_attempts')
  if t[1] == 'pending' and t[2] == attempt then
    redis.call('ZREM', at('callbacks'), id)
    redis.call('HSET', task(id), 'callback_error', error)
    if error ~= '' and again ~= '' then
      redis.call('ZADD', at('callbacks'), text(now + tonumber(again)), id)
    else
      redis.call('HSET', task(id), 'callback_state', error == '' and 'delivered' or 'failed')
      redis.call('ZADD', at('ended'), redis.call('HGET', task(id), 'expires'), id)
    end
  end
end
return 0
