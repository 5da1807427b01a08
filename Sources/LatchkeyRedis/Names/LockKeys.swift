internal import Latchkey

/// The keys of one lock at a server.
struct LockKeys: Sendable {
  /// What every key of ours beside the lock itself ends with.
  static let suffix = ":latchkey"

  /// The lock: a plain string with a TTL, as every client of the documented pattern has it.
  let lock: [UInt8]
  /// The last fencing token that was given out.
  let counter: [UInt8]
  /// The channel on which a release is published.
  let channel: String

  init(_ name: LockName, prefix: String) {
    let key = prefix + name.rawValue
    let counter = Self.counter(of: key)
    self.lock = Array(key.utf8)
    self.counter = Array(counter.utf8)
    self.channel = counter
  }

  /// A key in the same slot of a cluster, which hashes what stands between the first `{` and the next `}`, or else the whole key.
  private static func counter(of key: String) -> String {
    if self.hasHashTag(key) { return key + self.suffix }
    guard key.utf8.contains(UInt8(ascii: "}")) else { return "{\(key)}" + self.suffix }
    // In braces of ours the key would end at its own: a number stands there that hashes to the same slot. No lock has a name
    // that ends with the suffix, so the counter of none is written like this.
    let slot = ClusterSlot.slot(of: Array(key.utf8))
    var number = 0
    while ClusterSlot.slot(of: Array("\(number)".utf8)) != slot { number += 1 }
    return "{\(number)}\(key)" + self.suffix + self.suffix
  }

  /// Whether the lock's own key could be the counter of another lock.
  static func isReserved(_ name: LockName, prefix: String) -> Bool {
    (prefix + name.rawValue).utf8.elementsEqualSuffix(self.suffix.utf8)
  }

  /// Whether there is something between the first `{` and the next `}`.
  private static func hasHashTag(_ key: String) -> Bool {
    guard let open = key.utf8.firstIndex(of: UInt8(ascii: "{")) else { return false }
    let inside = key.utf8[key.utf8.index(after: open)...]
    guard let close = inside.firstIndex(of: UInt8(ascii: "}")) else { return false }
    return close != inside.startIndex
  }
}

extension String.UTF8View {
  fileprivate func elementsEqualSuffix(_ suffix: String.UTF8View) -> Bool {
    self.count >= suffix.count && self.suffix(suffix.count).elementsEqual(suffix)
  }
}
