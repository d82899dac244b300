-- For wrk: posts the files of a folder in turn and prints what came of it as one line of JSON.
-- BENCH_BODIES: a folder with the files 0, 1, …; BENCH_COUNT: how many there are.
local requests = {}
local last = 0

function init()
  local folder, count = os.getenv("BENCH_BODIES"), tonumber(os.getenv("BENCH_COUNT"))
  for number = 0, count - 1 do
    local file = assert(io.open(folder .. "/" .. number, "rb"))
    requests[number + 1] = wrk.format("POST", nil, nil, file:read("*a"))
    file:close()
  end
end

function request()
  last = last % #requests + 1
  return requests[last]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"max":%d,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
    e.connect, e.read, e.write, e.status, e.timeout))
end
