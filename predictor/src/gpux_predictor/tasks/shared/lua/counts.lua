-- Returns queued, running, ended, failed, seconds of the oldest that waits, bytes.
local first = redis.call('ZRANGE', at('queued'), 0, 0)[1]
local oldest = first and now - tonumber(redis.call('HGET', task(first), 'submitted')) or 0
return {redis.call('ZCARD', at('queued')), redis.call('ZCARD', at('running')), redis.call('ZCARD', at('ended')),
  tonumber(redis.call('GET', at('failed')) or '0'), text(oldest), tonumber(redis.call('GET', at('bytes')) or '0')}
