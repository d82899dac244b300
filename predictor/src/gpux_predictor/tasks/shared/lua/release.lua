-- ARGV: worker, ids.
for i = 2, #ARGV do
  if mine(ARGV[i], ARGV[1]) then
    redis.call('HINCRBY', task(ARGV[i]), 'attempts', -1)
    redis.call('HDEL', task(ARGV[i]), 'started')
    queue_again(ARGV[i], '')
  end
end
return 0
