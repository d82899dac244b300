-- ARGV: id of the last task before or "", most tasks, states.
local most, wanted = tonumber(ARGV[2]), {}
for i = 3, #ARGV do wanted[ARGV[i]] = true end
local below = '+inf'
if ARGV[1] ~= '' then
  local seq = redis.call('HGET', task(ARGV[1]), 'seq')
  if not seq then return false end
  below = '(' .. seq
end
local found, start = {}, 0
while #found < most do
  local ids = redis.call('ZREVRANGEBYSCORE', at('all'), below, '-inf', 'LIMIT', start, 200)
  if #ids == 0 then break end
  for _, id in ipairs(ids) do
    local t = shown(id, false)
    if t and wanted[t[2]] and #found < most then found[#found + 1] = t end
  end
  start = start + #ids
end
return found
