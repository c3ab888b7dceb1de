//! What has to happen in Redis at once. Time is Redis's own, so that no shard's clock decides who is alive.

/// Takes a place in the run, or keeps it: a shard repeats this while it waits, which shows that it lives.
///
/// `KEYS` members, beats, start. `ARGV` shard, member, lost after µs, expiry s.
/// Gives a verdict and its detail: `start` the start, `waiting`, `started`, `taken` the holder and its last beat,
/// `differs` the other member.
pub(super) const MEET: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local me = cjson.decode(ARGV[2])
local place = redis.call('HGET', KEYS[1], ARGV[1])
local is_here = place and cjson.decode(place).token == me.token
local start = redis.call('GET', KEYS[3])
if start then
  if is_here then return {'start', start, ''} end
  return {'started', '', ''}
end
local members = redis.call('HGETALL', KEYS[1])
for at = 1, #members, 2 do
  local shard, text = members[at], members[at + 1]
  local other = cjson.decode(text)
  local beat = redis.call('HGET', KEYS[2], shard)
  if other.token == me.token then
    -- Our own place.
  elseif not beat or now - beat > tonumber(ARGV[3]) then
    redis.call('HDEL', KEYS[1], shard)
    redis.call('HDEL', KEYS[2], shard)
  elseif shard == ARGV[1] then
    return {'taken', text, beat}
  elseif other.count ~= me.count or other.plan ~= me.plan or other.version ~= me.version then
    return {'differs', text, ''}
  end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HSET', KEYS[2], ARGV[1], string.format('%.0f', now))
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[4])
return {'waiting', '', ''}
";

/// Sets the start where all shards are here and have been heard of after a moment, and there is none yet.
///
/// `KEYS` members, beats, start. `ARGV` number of shards, the moment in µs, lead µs, clock of the coordinator, expiry s.
pub(super) const START: &str = r#"
for shard = 0, ARGV[1] - 1 do
  local beat = redis.call('HGET', KEYS[2], shard)
  if redis.call('HEXISTS', KEYS[1], shard) == 0 or not beat or beat - ARGV[2] <= 0 then return 0 end
end
local time = redis.call('TIME')
local at = time[1] * 1000000 + time[2] + ARGV[3]
local start = string.format('{"at_us":%.0f,"coordinator":%s}', at, ARGV[4])
redis.call('SET', KEYS[3], start, 'NX', 'EX', ARGV[5])
return 1
"#;

/// Gives the place up, unless the run has started.
///
/// `KEYS` members, beats, start. `ARGV` shard, token. Gives the start, or an empty text.
pub(super) const LEAVE: &str = r"
local start = redis.call('GET', KEYS[3])
if start then return start end
local place = redis.call('HGET', KEYS[1], ARGV[1])
if place and cjson.decode(place).token == ARGV[2] then
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('HDEL', KEYS[2], ARGV[1])
end
return ''
";

/// Shows that a shard lives, and keeps the keys of a run that is longer than their expiry.
///
/// `KEYS` members, beats, start, done. `ARGV` shard, member, expiry s.
pub(super) const BEAT: &str = r"
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HSET', KEYS[2], ARGV[1], string.format('%.0f', time[1] * 1000000 + time[2]))
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[3]) end
return 1
";
