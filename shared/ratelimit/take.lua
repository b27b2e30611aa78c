-- Takes one request from each of some windows, or from none; first hears what a replica has to tell.
-- The windows lie in one hash slot. One that is a hash of
--   created  when, µs      total  requests counted      oldest  no step before it counts any
--   r:<replica>  number of its last report      0 … 1023  requests of the step with that remainder
--
-- KEYS  the mark of this Redis (see join.lua), then the windows.
-- ARGV  birth in the mark; latest time at which the caller still waits, µs; replica; 1: take, 0: only hear;
--       then for each window: requests, window µs, step µs, lease wanted, created or 0, number of the
--       report or 0, how many changes, and of each the step and the requests.
-- Returns what came of it, the time, and for each window: created, total, oldest, leased.
local STRANGE, LATE, LOST, REFUSED, ADMITTED = -1, -2, -3, 0, 1
local RING, STEPS, CHUNK = 1024, 10, 64
local LINGER = 2000 -- ms: a replica may have heard of its last request that much later

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
if redis.call('HGET', KEYS[1], 'born') ~= ARGV[1] then
  return {STRANGE, now}
end
if now > tonumber(ARGV[2]) then
  return {LATE, now}
end
local born, replica, take = tonumber(ARGV[1]), 'r:' .. ARGV[3], ARGV[4] == '1'

local at = 4
local function argument()
  at = at + 1
  return tonumber(ARGV[at])
end

local function text(number)
  return string.format('%.0f', number)
end

-- clean drops the steps that left the window, and moves oldest to the first step that counts any.
local function clean(w)
  local step, last = w.oldest, w.now + STEPS
  if step >= w.first then
    return
  end
  while w.total > 0 and step <= last do
    local fields, gone = {}, {}
    for s = step, math.min(step + CHUNK, last) do
      fields[#fields + 1] = text(s % RING)
    end
    local counts = redis.call('HMGET', w.key, unpack(fields))
    local found = nil
    for i = 1, #fields do
      if counts[i] then
        if step + i - 1 >= w.first then
          found = step + i - 1
          break
        end
        w.total = w.total - tonumber(counts[i])
        gone[#gone + 1] = fields[i]
      end
    end
    if #gone > 0 then
      redis.call('HDEL', w.key, unpack(gone))
      w.changed = true
    end
    if found then
      w.oldest = found
      return
    end
    step = step + #fields
  end
  w.oldest = w.now
end

local function add(w, step, requests)
  local field = text(step % RING)
  local count = redis.call('HINCRBY', w.key, field, text(requests))
  if count <= 0 then
    redis.call('HDEL', w.key, field)
    requests = requests - count
  end
  w.total = w.total + requests
  w.oldest = math.min(w.oldest, step)
  w.changed = true
end

local windows, lost = {}, {LOST, now}
local intact = true
for i = 2, #KEYS do
  local w = {key = KEYS[i]}
  w.requests, w.window, w.step, w.lease = argument(), argument(), argument(), argument()
  w.expected, w.number, w.changes = argument(), argument(), {}
  for c = 1, argument() do
    local step = argument()
    w.changes[c] = {step, argument()}
  end
  w.now, w.first = math.floor(now / w.step), math.floor((now - w.window) / w.step)
  local v = redis.call('HMGET', w.key, 'created', 'total', 'oldest', replica)
  if v[1] and (tonumber(v[1]) < born or tonumber(v[1]) > now) then
    redis.call('DEL', w.key) -- of before a loss, or of a clock that went back
    v = {}
  end
  w.created = tonumber(v[1] or now)
  w.total, w.oldest, w.heard = tonumber(v[2] or 0), tonumber(v[3] or w.now), tonumber(v[4] or 0)
  windows[#windows + 1] = w
  local same = w.expected == 0 or w.expected == w.created
  lost[#lost + 1] = same and 0 or 1
  intact = intact and same
end
if not intact then
  return lost
end

local admitted = take
for _, w in ipairs(windows) do
  clean(w)
  if w.number > w.heard then
    for _, change in ipairs(w.changes) do
      if change[1] >= w.first then
        add(w, math.min(change[1], w.now + STEPS - 1), change[2])
      end
    end
    w.heard, w.changed = w.number, true
  end
  admitted = admitted and w.total < w.requests
end

local reply = {admitted and ADMITTED or REFUSED, now}
for _, w in ipairs(windows) do
  local leased = 0
  if admitted then
    add(w, w.now, 1)
    if w.lease > 0 and (w.requests - w.total - w.lease) * 5 >= w.requests then
      leased = w.lease
      add(w, math.floor(w.now / STEPS) * STEPS + STEPS - 1, leased) -- the last step of the slot
    end
  end
  if w.changed then
    redis.call('HSET', w.key, 'created', text(w.created), 'total', text(w.total), 'oldest', text(w.oldest),
      replica, text(w.heard))
    redis.call('PEXPIRE', w.key, text(math.ceil((w.window + 3 * STEPS * w.step) / 1000) + LINGER))
  end
  reply[#reply + 1] = w.created
  reply[#reply + 1] = w.total
  reply[#reply + 1] = w.oldest
  reply[#reply + 1] = leased
end
return reply
