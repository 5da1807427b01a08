/// Who holds a lock and who waits for it, as seen from outside at one moment.
public struct LockReport: Hashable, Sendable {
  /// What one server of a quorum answered.
  public struct Vote: Hashable, Sendable {
    /// The server's address.
    public var server: String
    /// Who holds the lock's key there; nil if nobody does, or the server did not answer.
    public var contender: LockContender?
    /// Why there is no answer.
    public var failure: String?

    /// Tells an answer.
    ///
    /// - Parameters:
    ///   - server: The server's address.
    ///   - contender: Who holds the lock's key there.
    ///   - failure: Why there is no answer.
    public init(server: String, contender: LockContender? = nil, failure: String? = nil) {
      self.server = server
      self.contender = contender
      self.failure = failure
    }
  }

  /// The lock.
  public var name: LockName
  /// Where it lives.
  public var backend: LockBackend
  /// Who holds it; nil if nobody does.
  public var holder: LockContender?
  /// Who holds it together with the holder: the other readers of a read-write lock, or those who have the other permits of a semaphore,
  /// in their order.
  public var sharing: [LockContender] = []
  /// How many permits a semaphore has; nil for other locks, and where nobody who looks from outside can know.
  public var limit: Int?
  /// Who waits, the next one first; empty where the backend keeps no queue.
  public var queue: [LockContender] = []
  /// How many processes wait, as far as the backend can tell: at Redis, how many listen for the lock's release. Nil if it cannot.
  public var waiting: Int?
  /// What each server of a quorum answered, in the order in which they are configured; empty without a quorum.
  public var votes: [Vote] = []

  /// Describes a lock.
  ///
  /// - Parameters:
  ///   - name: The lock.
  ///   - backend: Where it lives.
  ///   - contenders: All contenders in their order, the holder first. Readers before the first writer hold a read-write lock
  ///     together, and all at place 0 a semaphore.
  public init(name: LockName, backend: LockBackend, contenders: [LockContender] = []) {
    self.name = name
    self.backend = backend
    guard !contenders.contains(where: { $0.access == .permits }) else {
      // All of them may wait, where the limit is 0.
      let holders = contenders.prefix { $0.place == 0 }
      self.holder = holders.first
      self.sharing = Array(holders.dropFirst())
      self.queue = Array(contenders.dropFirst(holders.count))
      return
    }
    let readers = contenders.prefix { $0.access == .reading }
    self.holder = contenders.first
    self.sharing = Array(readers.dropFirst())
    self.queue = Array(contenders.dropFirst(max(1, readers.count)))
  }

  /// Whether nobody holds the lock.
  public var isFree: Bool { self.holder == nil }
}
