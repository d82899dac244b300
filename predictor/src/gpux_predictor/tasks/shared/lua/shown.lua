-- Before the scripts that show tasks.
local function shown(id, with)
  local t = redis.call('HMGET', task(id), 'state', 'attempts', 'submitted', 'started', 'ended', 'error',
    'callback', 'callback_state', 'callback_attempts', 'callback_error')
  if not t[1] then return nil end
  local expires = redis.call('HGET', task(id), 'expires')
  if expires and tonumber(expires) < now then return nil end
  local found = {id}
  for i = 1, 10 do found[i + 1] = t[i] or '' end
  found[12] = with and t[1] == 'succeeded' and redis.call('GET', P .. ':result:' .. id) or ''
  return found
end
