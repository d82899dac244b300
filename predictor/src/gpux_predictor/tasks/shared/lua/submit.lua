-- ARGV: id, body, content type, key, digest of the body in hexadecimal (64), callback, most that wait, most bytes,
-- traceparent or "".
local id, body, kind, key, digest, callback = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local most, most_bytes = tonumber(ARGV[7]), tonumber(ARGV[8])
if key ~= '' then
  local before = redis.call('GET', P .. ':key:' .. key)
  if before then
    local other = string.sub(before, 66)
    local expires = redis.call('HGET', task(other), 'expires')
    local gone = expires and tonumber(expires) < now
    if not gone and redis.call('EXISTS', task(other)) == 1 then
      if string.sub(before, 1, 64) ~= digest then return {'reused', '', 0} end
      local rank = redis.call('ZRANK', at('queued'), other)
      return {'old', other, rank and rank + 1 or 0}
    end
  end
end
if redis.call('EXISTS', task(id)) == 1 then
  local rank = redis.call('ZRANK', at('queued'), id)
  return {'new', id, rank and rank + 1 or 0}
end
local queued = redis.call('ZCARD', at('queued'))
if queued >= most then return {'full', '', queued} end
if tonumber(redis.call('GET', at('bytes')) or '0') + string.len(body) > most_bytes then return {'room', '', 0} end
local seq = redis.call('INCR', at('seq'))
redis.call('HSET', task(id), 'state', 'queued', 'attempts', 0, 'type', kind, 'size', string.len(body),
  'submitted', text(now), 'seq', seq, 'key', key)
if callback ~= '' then redis.call('HSET', task(id), 'callback', callback, 'callback_state', 'waiting', 'callback_attempts', 0) end
if ARGV[9] ~= '' then redis.call('HSET', task(id), 'trace', ARGV[9]) end
redis.call('SET', P .. ':body:' .. id, body)
if key ~= '' then redis.call('SET', P .. ':key:' .. key, digest .. ' ' .. id) end
redis.call('INCRBY', at('bytes'), string.len(body))
redis.call('ZADD', at('queued'), seq, id)
redis.call('ZADD', at('all'), seq, id)
return {'new', id, queued + 1}
