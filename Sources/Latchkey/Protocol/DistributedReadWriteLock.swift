/// A read-write lock: a name that contenders agree on, at a backend. Many readers hold it together, or one writer alone.
///
/// Each half is a ``FencedLock`` by itself, with all that such a lock can do and all that it promises. Where both halves are
/// concerned:
///
/// - While a lease of ``writing`` is held, no other lease of either half is. Leases of ``reading`` are held together.
/// - The token of a grant is greater than those of all earlier grants that it conflicts with. Readers do not conflict with one
///   another, so a resource needs the rule of ``ReadWriteFenceState``.
/// - Both halves are one lock to a task that would wait for itself: in the body of `withLock` of either half, the same task gets
///   ``LockError/Code/wouldDeadlock`` from both. That includes a reader that reads again, since a writer may wait between the two.
///
/// ```swift
/// let catalogue = locks.readWriteLock("catalogue")
/// let price = try await catalogue.reading.withLock { _ in try await store.price(of: "tea") }
/// try await catalogue.writing.withLock { _, token in try await store.replaceAll(prices, fencedBy: token) }
/// ```
public protocol DistributedReadWriteLock: Sendable {
  /// The type of the two halves.
  associatedtype Half: FencedLock

  /// The name that contenders agree on.
  var name: LockName { get }

  /// Where the lock lives.
  var backend: LockBackend { get }

  /// The half that readers hold together.
  var reading: Half { get }

  /// The half that one writer holds alone.
  var writing: Half { get }
}

/// A read-write lock whose writer can become a reader without letting another writer in between.
public protocol DowngradableReadWriteLock: DistributedReadWriteLock {
  /// Turns a writer into a reader.
  ///
  /// The writer's place is kept: no other writer gets in, one that waits already included, and readers that wait right behind come
  /// in. The new lease's token is greater than that of the given one, and smaller than that of the next writer.
  ///
  /// Cancelling the task does not cut the change short.
  ///
  /// - Parameter lease: A lease of ``DistributedReadWriteLock/writing``. It is used up; views of it answer as after a release.
  /// - Returns: A lease of ``DistributedReadWriteLock/reading``.
  /// - Throws: ``LockError``: ``LockError/Code/lockLost`` if the lease had been lost, or is found lost;
  ///   ``LockError/Code/invalidConfiguration`` if it is of another lock or of the other half, and it is released then. Whatever is
  ///   thrown, nothing is held any more.
  func downgrade(_ lease: consuming Lease) async throws(LockError) -> Lease
}

/// A read-write lock whose reader can become a writer, if nobody else wants the lock.
public protocol UpgradableReadWriteLock: DowngradableReadWriteLock {
  /// Turns a reader into a writer if it is the only one that holds or wants the lock.
  ///
  /// Never waits for others: two readers that each wait for the other to leave would wait for ever. Who gets ``Upgrade/busy(_:)``
  /// goes on reading, or releases the lease and waits for ``DistributedReadWriteLock/writing``; what was read may have changed by
  /// then.
  ///
  /// Cancelling the task does not cut the change short.
  ///
  /// - Parameter lease: A lease of ``DistributedReadWriteLock/reading``.
  /// - Returns: A lease of ``DistributedReadWriteLock/writing`` with a new token; or the given lease, as it was, if another reader
  ///   holds the lock or anybody waits for it.
  /// - Throws: ``LockError``: ``LockError/Code/lockLost`` if the lease had been lost, or is found lost;
  ///   ``LockError/Code/invalidConfiguration`` if it is of another lock or of the other half, and it is released then;
  ///   ``LockError/Code/unreachable`` if the backend did not answer. Whatever is thrown, nothing is held any more.
  func tryUpgrade(_ lease: consuming Lease) async throws(LockError) -> Upgrade
}

/// What came of ``UpgradableReadWriteLock/tryUpgrade(_:)``.
public enum Upgrade: ~Copyable, Sendable {
  /// The reader is the writer now.
  case upgraded(Lease)
  /// Others hold or want the lock: the reader has its lease back.
  case busy(Lease)
}
