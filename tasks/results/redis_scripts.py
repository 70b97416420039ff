"""What Redis has to do in one step, in its own Lua. The key is the stream; the first argument is the group."""

from __future__ import annotations

TOUCH = """
-- group, consumer, idle, ids...: of these entries, those that the consumer still holds count as idle for so long.
-- Gives their ids. JUSTID leaves the number of deliveries as it is.
local mine = {}
for i = 4, #ARGV do
  if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2]) > 0 then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'IDLE', ARGV[3], 'JUSTID')
    mine[#mine + 1] = ARGV[i]
  end
end
return mine
"""

TRIM = """
-- group: drop what is behind the group. Every entry before the oldest one that is pending was acknowledged; where
-- none is pending, every entry up to the last one delivered.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
for _, row in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = {}
  for i = 1, #row, 2 do group[row[i]] = row[i + 1] end
  if group['name'] == ARGV[1] then
    local pending = redis.call('XPENDING', KEYS[1], ARGV[1])
    local keep = pending[1] > 0 and pending[2] or group['last-delivered-id']
    return redis.call('XTRIM', KEYS[1], 'MINID', '~', keep)
  end
end
return 0
"""

FORGET = """
-- group, idle, name: remove the names of consumers that hold nothing and were not seen for so long (the given one
-- only, unless that is empty). Removing one that holds something would lose what it holds, so to look and to remove
-- have to be one step.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local removed = 0
for _, row in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local consumer = {}
  for i = 1, #row, 2 do consumer[row[i]] = row[i + 1] end
  local meant = ARGV[3] == '' or ARGV[3] == consumer['name']
  if meant and consumer['pending'] == 0 and consumer['idle'] >= tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer['name'])
    removed = removed + 1
  end
end
return removed
"""

DEPTH = """
-- group: {messages, id of the oldest or '', milliseconds since 1970}. No body leaves the server.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function first(from)
  -- Behind the largest id that there can be, there is nothing: to ask for it is an error.
  local found = redis.pcall('XRANGE', KEYS[1], from, '+', 'COUNT', 1)
  return found[1] and found[1][1] or ''
end
if redis.call('EXISTS', KEYS[1]) == 0 then return {0, '', now} end
for _, row in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = {}
  for i = 1, #row, 2 do group[row[i]] = row[i + 1] end
  if group['name'] == ARGV[1] then
    local pending = redis.call('XPENDING', KEYS[1], ARGV[1])
    local unread = first('(' .. group['last-delivered-id'])
    local oldest = pending[1] > 0 and pending[2] or unread
    -- Redis before 7.0 has no lag: all entries are the most that it can be.
    local lag = unread == '' and 0 or group['lag']
    if not lag then return {redis.call('XLEN', KEYS[1]), oldest, now} end
    return {pending[1] + lag, oldest, now}
  end
end
return {redis.call('XLEN', KEYS[1]), first('-'), now}
"""

FITTING = """
-- group, most, bytes: how many of the entries that nobody has had yet fit into so many bytes, the oldest first: 1 at
-- least; 0 where there is none.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
for _, row in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = {}
  for i = 1, #row, 2 do group[row[i]] = row[i + 1] end
  if group['name'] == ARGV[1] then
    local after, count, bytes = group['last-delivered-id'], 0, 0
    while count < tonumber(ARGV[2]) do
      local entry = redis.pcall('XRANGE', KEYS[1], '(' .. after, '+', 'COUNT', 1)[1]
      if not entry then break end
      for _, field in ipairs(entry[2]) do bytes = bytes + #field end
      if count > 0 and bytes > tonumber(ARGV[3]) then break end
      after, count = entry[1], count + 1
    end
    return count
  end
end
return 0
"""

RENEW = """
-- group: where all is done, begin the stream anew. Whoever may append may choose the id, and nothing is taken behind
-- the largest.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
for _, row in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = {}
  for i = 1, #row, 2 do group[row[i]] = row[i + 1] end
  if group['name'] == ARGV[1] and group['pending'] == 0 then
    if redis.pcall('XRANGE', KEYS[1], '(' .. group['last-delivered-id'], '+', 'COUNT', 1)[1] then return 0 end
    redis.call('DEL', KEYS[1])
    redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
    return 1
  end
end
return 0
"""
