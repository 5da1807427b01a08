public import Latchkey
internal import LatchkeyPrimitives
internal import ZooKeeper

/// A semaphore in ZooKeeper: a node for each permit, and a queue for those who wait, laid out as Apache Curator's
/// `InterProcessSemaphoreV2` has them.
///
/// First come, first served among processes, and in order within one, whatever number of permits each asks for. While permits are free
/// and nobody waits, an acquire takes one round trip, however many permits it is for, and a release one. Who waits stands in a queue;
/// only the first of those looks when permits are given back.
///
/// Deadline and what it rests on are those of ``ZooKeeperLock``. A lease of several permits is lost as a whole when one of their nodes is
/// deleted by hand. Permits carry no fencing token: see `DistributedSemaphore`.
///
/// It counts, and is counted by, `InterProcessSemaphoreV2` on the same path with the same limit. Nothing else with the name counts: not
/// a lock of this name, not kazoo's `Semaphore`, not Curator's older `InterProcessSemaphore`.
public struct ZooKeeperSemaphore: DistributedSemaphore {
  /// How many permits there are.
  public enum Limit: Hashable, Sendable {
    /// Always that many. A request for more is refused at once. Nothing at the servers says so: every client must be told the same
    /// number.
    case fixed(Int)

    /// As many as a node says, in the layout of Curator's `SharedCount`. Where the node is missing, it is made with the seed.
    ///
    /// A request for more than that waits until the limit is raised. It holds up nobody in other processes; in its own, those who come
    /// later wait behind it.
    ///
    /// - Parameters:
    ///   - seed: How many at first.
    ///   - path: The node, below the connect string's chroot; nil for `%limit` in the semaphore's own directory.
    case shared(seed: Int, path: String? = nil)
  }

  /// The name that contenders agree on.
  public let name: LockName

  private let locks: ZooKeeperLocks
  private let limit: Limit

  init(name: LockName, locks: ZooKeeperLocks, limit: Limit) {
    self.name = name
    self.locks = locks
    self.limit = limit
  }

  /// `zookeeper`, and the servers with their chroot.
  public var backend: LockBackend { self.locks.backend }

  private var observer: LockObserver { self.locks.observer.of(.permits) }

  /// Takes permits if that many are free, and nobody waits before.
  ///
  /// Asks first and writes nothing if too few are free: one round trip. A `sync` goes along, so a server that lags behind does not
  /// answer for the others.
  ///
  /// - Parameter permits: How many, at least 1.
  /// - Returns: The lease, or nil if fewer are free.
  /// - Throws: `LockError`: as ``ZooKeeperLock/tryAcquire()``; `invalidConfiguration` for less than 1 or more than a fixed limit, for a
  ///   path that is not valid, and for a node that holds no limit.
  public func tryAcquire(_ permits: Int) async throws(LockError) -> Lease? {
    try self.check(permits)
    return try await self.observer.tryAcquire(self.name) { () async throws(LockError) in
      try await self.contentions.tryAcquire(self.name, of: self.locks, for: .permits(permits))?.makeLease()
    }
  }

  /// Waits for permits, first come, first served among all contenders.
  ///
  /// As ``ZooKeeperLock/acquire(within:)``.
  ///
  /// - Parameters:
  ///   - permits: How many, at least 1.
  ///   - timeout: The budget of the whole call; nil waits for ever, zero tries once.
  /// - Returns: The lease, without a token.
  /// - Throws: `LockError`: as ``ZooKeeperLock/acquire(within:)``; `invalidConfiguration` as ``tryAcquire(_:)``.
  public func acquire(_ permits: Int, within timeout: Duration?) async throws(LockError) -> Lease {
    try self.check(permits)
    return try await self.observer.acquire(self.name, within: timeout) { () async throws(LockError) in
      try await self.contentions.acquire(self.name, of: self.locks, within: timeout, for: .permits(permits)).makeLease()
    }
  }

  /// Writes the limit's node, and makes it where it is missing.
  ///
  /// - Parameter limit: How many, at least 0; with 0 nobody gets in.
  /// - Throws: `LockError`: `notSupported` if the limit is fixed, `invalidConfiguration` if it is negative or the path is not valid,
  ///   `unreachable`, `notAuthorized`, `closed`.
  public func setLimit(_ limit: Int) async throws(LockError) {
    try self.check(limit: limit)
    guard let path = SemaphorePath(self.name, root: self.locks.configuration.root, self.limit).limit else {
      throw self.limitIsFixed
    }
    try self.checkPlace()
    try await SharedLimit.write(limit, to: path, self.name, self.locks)
  }

  private var contentions: ContentionTable<SemaphoreBackend> { self.locks.semaphores(limit: self.limit).permits }

  private func check(_ permits: Int) throws(LockError) {
    switch self.limit {
    case .fixed(let limit): try self.check(permits, limit: limit)
    case .shared:
      try self.check(permits, limit: nil)
      try self.checkPlace()
    }
  }

  /// Refuses a node of the limit that cannot be.
  private func checkPlace() throws(LockError) {
    guard case .shared(let seed, let path) = self.limit else { return }
    try self.check(limit: seed)
    guard let path, let problem = NodePath.problem(with: path) else { return }
    throw LockError(
      .invalidConfiguration,
      name: self.name,
      message: "the path \"\(path)\" of the limit is not valid: \(problem); write it as /app/limits/reports"
    )
  }
}
