-- KEYS: the transfer, its payer, its payee. ARGV: the amount. 0 for a repeat.
if redis.call('EXISTS', KEYS[1]) == 1 then
    return 0
end
if tonumber(redis.call('GET', KEYS[2])) < tonumber(ARGV[1]) then
    return redis.error_reply('the payer has too little')
end
redis.call('DECRBY', KEYS[2], ARGV[1])
redis.call('INCRBY', KEYS[3], ARGV[1])
redis.call('SET', KEYS[1], KEYS[2] .. KEYS[3] .. ' ' .. ARGV[1])
return 1
