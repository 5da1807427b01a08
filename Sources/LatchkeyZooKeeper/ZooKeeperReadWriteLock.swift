public import Latchkey

/// A read-write lock in ZooKeeper: ephemeral sequential nodes of two kinds in one directory, as Apache Curator's
/// `InterProcessReadWriteLock` has them.
///
/// First come, first served among processes, and in order within one: a reader does not pass a writer that waits, and a writer
/// waits for the readers before it alone, so neither side starves. An uncontended acquire of either half takes one round trip, a
/// release one. Readers of one process that wait together have one node together.
///
/// Token, deadline and what they rest on are those of ``ZooKeeperLock``. A read lease says that nobody has written since its grant,
/// not that nothing has changed that was written under older leases and arrives late: that is what the token is for.
///
/// It excludes, and is excluded by, Curator's read-write lock and kazoo's `ReadLock` and `WriteLock` (told the pattern) on the
/// same path. A plain lock of the same name would not be excluded reliably: where contenders for one stand in the directory, an
/// acquire throws `invalidConfiguration`, and so does that of a plain lock among readers and writers. Curator up to 5.4.0 lets a
/// writer that came first in beside its own downgraded reader (CURATOR-621).
public struct ZooKeeperReadWriteLock: UpgradableReadWriteLock {
  /// One half of a read-write lock in ZooKeeper.
  public struct Half: FencedLock, ReadWriteHalf {
    /// The name that contenders agree on.
    public let name: LockName

    fileprivate let locks: ZooKeeperLocks
    fileprivate let want: Want
    package var isShared: Bool { self.want == .shared }

    /// `zookeeper`, and the servers with their chroot.
    public var backend: LockBackend { self.locks.backend }

    private var observer: LockObserver { self.locks.observer.of(self.isShared ? .read : .write) }

    /// Takes this half of the lock if nobody is in the way: for a reader, no writer that holds the lock or waits for it; for a
    /// writer, nobody at all.
    ///
    /// As ``ZooKeeperLock/tryAcquire()``.
    ///
    /// - Returns: The lease, or nil if somebody is in the way.
    /// - Throws: `LockError`: as ``ZooKeeperLock/tryAcquire()``; `invalidConfiguration` if contenders for a plain lock stand in the
    ///   directory.
    public func tryAcquire() async throws(LockError) -> Lease? {
      try await self.observer.tryAcquire(self.name) { () async throws(LockError) in
        try await self.locks.readWriteContentions.tryAcquire(self.name, of: self.locks, for: self.want)?.makeLease()
      }
    }

    /// Waits for this half of the lock, first come, first served among all readers and writers.
    ///
    /// As ``ZooKeeperLock/acquire(within:)``.
    ///
    /// - Parameter timeout: The budget of the whole call; nil waits for ever, zero tries once.
    /// - Returns: The lease.
    /// - Throws: `LockError`: as ``ZooKeeperLock/acquire(within:)``; `invalidConfiguration` if contenders for a plain lock stand in
    ///   the directory.
    public func acquire(within timeout: Duration?) async throws(LockError) -> Lease {
      try await self.observer.acquire(self.name, within: timeout) { () async throws(LockError) in
        try await self.locks.readWriteContentions.acquire(self.name, of: self.locks, within: timeout, for: self.want)
          .makeLease()
      }
    }
  }

  /// The name that contenders agree on.
  public let name: LockName

  private let locks: ZooKeeperLocks

  init(name: LockName, locks: ZooKeeperLocks) {
    self.name = name
    self.locks = locks
  }

  /// `zookeeper`, and the servers with their chroot.
  public var backend: LockBackend { self.locks.backend }

  /// The half that readers hold together.
  public var reading: Half { Half(name: self.name, locks: self.locks, want: .shared) }

  /// The half that one writer holds alone.
  public var writing: Half { Half(name: self.name, locks: self.locks, want: .exclusive) }

  /// Turns a writer into a reader, in one round trip: its node is replaced by a reader's of the same number.
  ///
  /// The place in the queue stays: readers right behind come in, writers behind stay out. The token keeps its major part, and its
  /// minor part grows by one. A connection that is lost meanwhile is ridden out, until the deadline.
  ///
  /// - Parameter lease: A lease of ``writing``. It is used up; views of it answer as after a release.
  /// - Returns: A lease of ``reading``.
  /// - Throws: `LockError`: `lockLost`; `invalidConfiguration` if the lease is not of this lock's ``writing``; `notSupported` where
  ///   the directory has nearly used up its sequence numbers; `notAuthorized`. Whatever is thrown, nothing is held any more.
  public func downgrade(_ lease: consuming Lease) async throws(LockError) -> Lease {
    guard let held = self.lease(lease, of: .writing) else { throw await lease.refused(by: self.name, .downgrade) }
    switch await self.convert(held, to: .shared) {
    case .success(let new?):
      return lease.converted(to: new, grant: new.grant, token: new.token, by: .downgrade)
    case .success(nil):
      await lease.releaseQuietly()
      throw .lost(self.name, because: "its node could not be replaced")
    case .failure(let error):
      await lease.releaseQuietly()
      throw error
    }
  }

  /// Turns a reader into a writer if it is the only contender for the lock.
  ///
  /// Its node is replaced by a writer's of the same number, behind which nobody else gets in; if the list that goes along shows
  /// another contender, the node is taken back. One round trip if it becomes the writer, two if not. Of two readers that try at
  /// once, both may be told that the lock is busy.
  ///
  /// - Parameter lease: A lease of ``reading``.
  /// - Returns: A lease of ``writing`` with a new token; or the given lease with its old token, if there is another contender, or if
  ///   others in this process hold the lock by the same node.
  /// - Throws: `LockError`: as ``downgrade(_:)``. Whatever is thrown, nothing is held any more.
  public func tryUpgrade(_ lease: consuming Lease) async throws(LockError) -> Upgrade {
    guard let held = self.lease(lease, of: .reading) else { throw await lease.refused(by: self.name, .upgrade) }
    switch await self.convert(held, to: .exclusive) {
    case .success(let new?):
      return .upgraded(lease.converted(to: new, grant: new.grant, token: new.token, by: .upgrade))
    case .success(nil): return .busy(lease)
    case .failure(let error):
      await lease.releaseQuietly()
      throw error
    }
  }

  /// What stands behind a lease of one half of this lock; nil if it is another lock's, or the other half's.
  private func lease(_ lease: borrowing Lease, of rule: GrantRule) -> ZooKeeperLease? {
    guard let held = lease.grant(of: ZooKeeperLease.self)?.driver, held.name == self.name,
      held.owner.shell.recipe.mark == self.locks.readWriteRecipe.mark,
      ContenderIdentity.marker(of: held.node.name, among: [rule.ownMarker]) != nil
    else { return nil }
    return held
  }

  private func convert(_ lease: ZooKeeperLease, to want: Want) async -> Result<ZooKeeperLease?, LockError> {
    do throws(LockError) {
      return .success(try await lease.owner.convert(lease, to: want))
    } catch {
      return .failure(error)
    }
  }
}
