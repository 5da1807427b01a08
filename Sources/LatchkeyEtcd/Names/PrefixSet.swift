#if Etcd
/// Prefixes of locks' keys, to ask whether keys below another prefix can be among theirs.
///
/// Names may be nested: the keys of `orders/42` lie below the prefix of `orders` too. Two prefixes are related if one begins
/// with the other. Every prefix ends with a slash, so what one can begin with are its parts up to a slash.
struct PrefixSet: Sendable {
  /// How often each prefix was inserted.
  private var members: [[UInt8]: Int] = [:]
  /// The members, and all that they begin with.
  private var ancestors: [[UInt8]: Int] = [:]

  mutating func insert(_ prefix: [UInt8]) {
    self.members[prefix, default: 0] += 1
    Self.forEachAncestor(of: prefix) { self.ancestors[$0, default: 0] += 1 }
  }

  mutating func remove(_ prefix: [UInt8]) {
    Self.decrement(&self.members, prefix)
    Self.forEachAncestor(of: prefix) { Self.decrement(&self.ancestors, $0) }
  }

  /// Whether a member is the prefix, begins with it, or is one that it begins with.
  func isRelated(to prefix: [UInt8]) -> Bool {
    guard !self.members.isEmpty else { return false }
    if self.ancestors[prefix] != nil { return true }
    var isRelated = false
    Self.forEachAncestor(of: prefix) { if self.members[$0] != nil { isRelated = true } }
    return isRelated
  }

  /// Whether the prefix itself is a member.
  func contains(_ prefix: [UInt8]) -> Bool { self.members[prefix] != nil }

  private static func forEachAncestor(of prefix: [UInt8], _ body: ([UInt8]) -> Void) {
    for index in prefix.indices where prefix[index] == UInt8(ascii: "/") { body(Array(prefix[...index])) }
  }

  private static func decrement(_ counts: inout [[UInt8]: Int], _ prefix: [UInt8]) {
    guard let count = counts[prefix] else { return }
    counts[prefix] = count > 1 ? count - 1 : nil
  }
}
#endif
