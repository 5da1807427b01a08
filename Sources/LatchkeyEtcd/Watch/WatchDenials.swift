#if Etcd
/// What a user must not watch: where the servers have refused a watch even with a new token.
///
/// Another token for the next key of the same lock would be refused like the last, and each costs a new stream for all watches.
/// Forgotten after a while, since permissions change and tokens grow old.
struct WatchDenials: Sendable {
  static let memory = Duration.seconds(10)
  private var ends: [[UInt8]: ContinuousClock.Instant] = [:]

  mutating func note(_ target: WatchTable.Target, at now: ContinuousClock.Instant) {
    self.ends = self.ends.filter { $0.value > now }
    self.ends[Self.range(of: target)] = now + Self.memory
  }

  func covers(_ target: WatchTable.Target, at now: ContinuousClock.Instant) -> Bool {
    self.ends[Self.range(of: target)].map { now < $0 } ?? false
  }

  /// Keys of one lock differ behind the last slash only.
  private static func range(of target: WatchTable.Target) -> [UInt8] {
    switch target {
    case .prefix(let prefix): prefix
    case .deletion(let key): key.lastIndex(of: UInt8(ascii: "/")).map { Array(key[...$0]) } ?? key
    }
  }
}
#endif
