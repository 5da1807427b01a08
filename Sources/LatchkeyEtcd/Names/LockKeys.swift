#if Etcd
internal import Latchkey

/// Where the lock of a name has its keys.
///
/// As `clientv3/concurrency` has them: below the name and a slash, ordered by when they were created. What follows is ours:
/// the lease, as others write it, and the number of one of the few keys that a session uses in turn, for each of its
/// ``EtcdLocks``: two that share a lease must never share a key.
enum LockKeys {
  static func prefix(of name: LockName, under root: String) -> [UInt8] {
    Array(root.utf8) + Array(name.rawValue.utf8) + [UInt8(ascii: "/")]
  }

  /// The first key behind all that have the prefix.
  static func end(ofPrefix prefix: [UInt8]) -> [UInt8] {
    var end = prefix
    while let last = end.popLast() {
      if last < 0xFF { return end + [last + 1] }
    }
    return [0]
  }

  static func own(_ prefix: [UInt8], lease: Int64, owner: UInt64, slot: UInt64) -> [UInt8] {
    let numbers = [UInt64(bitPattern: lease), owner, slot].map { String($0, radix: 16) }
    return prefix + Array(numbers.joined(separator: "-").utf8)
  }

  /// Whether a key with the prefix contends for the lock. The keys of `orders/42` lie below the prefix of `orders` too.
  static func isContender(_ key: [UInt8], prefix: [UInt8]) -> Bool {
    !key.dropFirst(prefix.count).contains(UInt8(ascii: "/"))
  }

  /// How a key is shown to people.
  static func text(_ key: [UInt8]) -> String { String(decoding: key, as: UTF8.self) }
}
#endif
