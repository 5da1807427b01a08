/// The scripts of the locks. Every one may be carried out twice: a request whose reply is lost is sent again.
///
/// They need a server that replicates what a script did, not the script (Redis 5 and later; Valkey).
extension RedisScript {
  /// Plants the lock's key and mints a fencing token.
  ///
  /// Keys: the lock, the counter. Arguments: owner, TTL of the lock and of the counter in milliseconds.
  /// Replies `{1, token}`, or `{0, remaining TTL in milliseconds, owner}`.
  ///
  /// An owner that finds its own key has come before, and its reply was lost. Only a grant mints, and none of this lock can
  /// happen while this key stands, so the counter still holds its token, or a greater one: the locks `x` and `{x}` share a
  /// counter. If the counter is gone, a new token is minted, which is greater. Nobody has heard of the first token, so a greater
  /// one does no harm. The server's clock keeps tokens growing when the counter is lost; microseconds stay exact in Lua's numbers
  /// until the year 2255.
  static let acquire = RedisScript(
    """
    local held = redis.call('GET', KEYS[1])
    if held and held ~= ARGV[1] then return {0, redis.call('PTTL', KEYS[1]), held} end
    local last = redis.call('GET', KEYS[2])
    if held and last then
      redis.call('PEXPIRE', KEYS[1], ARGV[2])
      redis.call('PEXPIRE', KEYS[2], ARGV[3])
      return {1, last}
    end
    local time = redis.call('TIME')
    local token = math.max((tonumber(last or '0') or 0) + 1, time[1] * 1000000 + time[2])
    local text = string.format('%.0f', token)
    redis.call('SET', KEYS[2], text, 'PX', ARGV[3])
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    return {1, text}
    """
  )

  /// Plants the lock's key at one server of a quorum, where no token can be minted.
  ///
  /// Keys: the lock. Arguments: owner, TTL in milliseconds. Replies as `acquire`, without a token.
  static let vote = RedisScript(
    """
    local held = redis.call('GET', KEYS[1])
    if held and held ~= ARGV[1] then return {0, redis.call('PTTL', KEYS[1]), held} end
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    return {1}
    """
  )

  /// Deletes the lock's key if it is the owner's, and tells those who wait.
  ///
  /// Keys: the lock. Arguments: owner, channel (empty for none). Replies 0 if the key is gone, -1 if it is another's, else one
  /// more than the number of clients that were told.
  static let release = RedisScript(
    """
    local held = redis.call('GET', KEYS[1])
    if not held then return 0 end
    if held ~= ARGV[1] then return -1 end
    redis.call('DEL', KEYS[1])
    if ARGV[2] == '' then return 1 end
    local told = redis.pcall('PUBLISH', ARGV[2], '')
    if type(told) == 'number' then return told + 1 end
    return 1
    """
  )

  /// Moves the TTL of keys that are their owners', and never plants one: between loss and extension another holder may have
  /// come and gone.
  ///
  /// Keys: locks, each followed by its counter if the first argument, the TTL of the counters in milliseconds, is not empty.
  /// Further arguments: owner and TTL in milliseconds of each lock. Replies for each lock 1 if extended, 0 if gone, -1 if it is
  /// another's, -2 if the server cannot say (a replica whose link to its master is down).
  static let extend = RedisScript(
    """
    local step = ARGV[1] == '' and 1 or 2
    local replies = {}
    for index = 1, #KEYS, step do
      local place = #replies * 2 + 2
      local held = redis.pcall('GET', KEYS[index])
      if type(held) == 'table' then
        replies[#replies + 1] = string.find(held.err, 'WRONGTYPE', 1, true) and -1 or -2
      elseif not held then
        replies[#replies + 1] = 0
      elseif held ~= ARGV[place] then
        replies[#replies + 1] = -1
      else
        redis.call('PEXPIRE', KEYS[index], ARGV[place + 1])
        if step == 2 then redis.call('PEXPIRE', KEYS[index + 1], ARGV[1]) end
        replies[#replies + 1] = 1
      end
    end
    return replies
    """
  )
}
