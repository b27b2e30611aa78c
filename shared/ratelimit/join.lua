-- Joins a replica to this Redis. The mark says since when its counts are whole: it is born anew
-- when it is missing (an empty Redis), when it remembers less than the caller saw it hold (a
-- restored or replaced one), or when it is of the future (a clock that went back).
--
-- KEYS  the mark: a hash of born and last, the last time it was written, both µs.
-- ARGV  the last time that the caller saw written, or 0.
-- Returns born, last and the time.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local mark = redis.call('HMGET', KEYS[1], 'born', 'last')
local born, last = tonumber(mark[1] or 0), tonumber(mark[2] or 0)
if born == 0 or last < tonumber(ARGV[1]) or last > now + 1000000 then
  born, last = now, now
end
last = math.max(last, now)
redis.call('HSET', KEYS[1], 'born', string.format('%.0f', born), 'last', string.format('%.0f', last))
redis.call('PEXPIRE', KEYS[1], 172800000)
return {born, last, now}
