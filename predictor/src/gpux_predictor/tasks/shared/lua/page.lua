-- ARGV: id of the last task before or "", most tasks, states. Looks at some thousand tasks at most.
-- Returns the id at which the next page begins or "", and the tasks.
local most, wanted, looks = tonumber(ARGV[2]), {}, 2000
for i = 3, #ARGV do wanted[ARGV[i]] = true end
local below = '+inf'
if ARGV[1] ~= '' then
  local seq = redis.call('HGET', task(ARGV[1]), 'seq')
  if not seq then return false end
  below = '(' .. seq
end
local found, last = {}, ''
while #found < most and looks > 0 do
  local rows = redis.call('ZREVRANGEBYSCORE', at('all'), below, '-inf', 'WITHSCORES', 'LIMIT', 0, 200)
  if #rows == 0 then return {'', found} end
  for i = 1, #rows, 2 do
    last, below, looks = rows[i], '(' .. rows[i + 1], looks - 1
    local t = shown(last, false)
    if t and wanted[t[2]] then found[#found + 1] = t end
    if #found == most then break end
  end
end
return {last, found}
