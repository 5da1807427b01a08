internal import Latchkey

/// What one server shows of a lock: commands that read, and one script that deletes.
struct LockKeyView: Sendable {
  /// The lock's key as it stood at one moment.
  struct Key: Sendable {
    var value: [UInt8]
    /// Nil if the key has no TTL: somebody has planted it by hand.
    var remaining: Duration?

    /// Who has planted it. The holder is always at place 0: nobody else has a key.
    var contender: LockContender {
      var contender = LockContender(place: 0, identity: OwnerIdentity.text(self.value), handle: self.value)
      contender.remaining = self.remaining
      if let parts = OwnerIdentity.parse(self.value) {
        contender.host = parts.host
        contender.pid = parts.pid
        contender.label = parts.label
      } else if self.remaining == nil, !Self.isToken(contender.identity) {
        contender.caveat = "the key has no time to live, and no lock is known to have such a value: perhaps it is data"
      }
      return contender
    }

    /// Whether a value is one that redis-py gives a lock, which may have no TTL: 32 hexadecimal digits.
    private static func isToken(_ value: String) -> Bool { value.utf8.count == 32 && value.allSatisfy(\.isHexDigit) }
  }

  let executor: any RedisExecutor
  let keys: LockKeys

  /// The lock's key; nil if there is none.
  func key() async throws(RedisError) -> Key? {
    // Value and TTL are two questions: between them the lock may change hands.
    for _ in 0..<5 {
      guard let value = try await self.value() else { return nil }
      let milliseconds = try await self.executor.send(RedisCommand(words: [Array("PTTL".utf8), self.keys.lock]))
      guard try await self.value() == value, case .integer(let left) = milliseconds else { continue }
      return Key(value: value, remaining: left < 0 ? nil : .milliseconds(left))
    }
    // It changes hands all the time: whoever has it now, with a TTL that is not known.
    return try await self.value().map { Key(value: $0, remaining: nil) }
  }

  private func value() async throws(RedisError) -> [UInt8]? {
    guard
      case .string(let value) = try await self.executor.send(RedisCommand(words: [Array("GET".utf8), self.keys.lock]))
    else { return nil }
    return value
  }

  /// The last token that was given out for the lock, and how long ago that was; nil if the counter is gone.
  ///
  /// A token is the server's time in microseconds when it was minted, unless the clock was set back since.
  func lastGrant() async throws(RedisError) -> (token: FencingToken, age: Duration?)? {
    guard
      case .string(let text) = try await self.executor.send(
        RedisCommand(words: [Array("GET".utf8), self.keys.counter])
      ),
      let token = UInt64(String(decoding: text, as: UTF8.self))
    else { return nil }
    guard
      case .array(let time) = try await self.executor.send(RedisCommand("TIME")),
      time.count == 2, let seconds = time[0].number, let rest = time[1].number
    else { return (FencingToken(major: token), nil) }
    let now = seconds * 1_000_000 + rest
    return (FencingToken(major: token), now >= token ? .microseconds(Int64(clamping: now - token)) : nil)
  }

  /// How many clients listen for the lock's release.
  func listeners() async throws(RedisError) -> Int? {
    guard
      case .array(let answer) = try await self.executor.send(RedisCommand("PUBSUB", "NUMSUB", self.keys.channel)),
      answer.count == 2, case .integer(let count) = answer[1]
    else { return nil }
    return Int(count)
  }

  /// Deletes the lock's key if it has this value, and wakes those who wait.
  func delete(_ value: [UInt8]) async throws(RedisError) -> Bool {
    let arguments = [value, Array(self.keys.channel.utf8)]
    return try await self.executor.evaluate(.release, keys: [self.keys.lock], arguments: arguments).isAboveZero
  }
}

extension RedisValue {
  fileprivate var number: UInt64? {
    switch self {
    case .string(let text): UInt64(String(decoding: text, as: UTF8.self))
    case .integer(let number): UInt64(exactly: number)
    default: nil
    }
  }

  fileprivate var isAboveZero: Bool {
    if case .integer(let number) = self { return number > 0 }
    return false
  }
}
