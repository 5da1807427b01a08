/// One who holds a lock or waits for it, as the backend shows them to somebody who looks from outside.
///
/// What a backend does not know, or a foreign client does not tell, is nil.
public struct LockContender: Hashable, Sendable {
  /// Where the contender stands: 0 for the holder, 1 for who is next.
  public var place: Int

  /// What the backend knows the contender by, for people: the node's name at ZooKeeper, the key at etcd, the value of the lock's
  /// key at Redis.
  public var identity: String

  /// How a contender holds a read-write lock or a semaphore, or would hold it.
  public enum Access: String, Hashable, Sendable {
    /// Together with other readers.
    case reading
    /// Alone.
    case writing
    /// With permits of a semaphore, beside others that have the rest.
    case permits
  }

  /// What the contender has of a read-write lock or a semaphore, or wants of it; nil for other locks.
  public var access: Access?

  /// The machine, if the contender has left its name or address. Curator leaves an address, Latchkey a name.
  public var host: String?

  /// The process.
  public var pid: Int32?

  /// A word that the contender gave itself; kazoo calls it the identifier.
  public var label: String?

  /// The session at ZooKeeper, the lease at etcd, in hexadecimal digits as their own tools write them.
  public var session: String?

  /// How long the contender has stood in the queue or, at Redis, held the lock. Between the servers' clock and, at ZooKeeper,
  /// this machine's: as good as those agree.
  public var age: Duration?

  /// The fencing token of the grant, or the one that a waiting contender's grant will carry.
  public var token: FencingToken?

  /// How long the backend keeps the contender if it says nothing more.
  public var remaining: Duration?

  /// What speaks against its being a contender of a lock at all, for people: such as a key at etcd that is bound to no lease. Nil
  /// if nothing does. Whoever removes it may delete data that somebody needs.
  public var caveat: String?

  /// What tells this contender from every other at the backend, byte for byte: for ``LockInspector/remove(_:from:)``.
  public var handle: [UInt8]

  /// Describes a contender; whatever is unknown is left out.
  ///
  /// - Parameters:
  ///   - place: 0 for the holder, 1 for who is next.
  ///   - identity: What the backend knows the contender by.
  ///   - handle: What tells it from every other; the bytes of the identity if nil.
  public init(place: Int, identity: String, handle: [UInt8]? = nil) {
    self.place = place
    self.identity = identity
    self.handle = handle ?? Array(identity.utf8)
  }
}

extension LockContender: CustomStringConvertible {
  /// Who it is, in a few words: host, process and label where they are known, else the identity.
  public var description: String {
    ContenderDescription.name(host: self.host, pid: self.pid, label: self.label) ?? self.identity
  }
}

extension LockContender {
  /// Takes in what a contender has left for people: our own `host=… pid=… label=…`, the address that Curator leaves, or any
  /// other text, which counts as a label.
  package mutating func read(note: [UInt8]) {
    let text = String(decoding: note.prefix(512), as: UTF8.self)
    if let parts = ContenderDescription.parse(text) {
      self.host = parts.host
      self.pid = parts.pid
      self.label = parts.label
      return
    }
    let plain = ContenderDescription.onOneLine(text)
    guard !plain.isEmpty else { return }
    if Self.isAddress(plain) { self.host = plain } else { self.label = plain }
  }

  /// Whether a text looks like an IP address, version 4 or 6.
  private static func isAddress(_ text: String) -> Bool {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    if parts.count == 4, parts.allSatisfy({ UInt8($0) != nil }) { return true }
    return text.contains(":") && text.prefix { $0 != "%" }.allSatisfy { $0 == ":" || $0.isHexDigit || $0 == "." }
  }
}
