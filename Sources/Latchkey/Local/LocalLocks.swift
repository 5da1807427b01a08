internal import LatchkeyPrimitives
internal import Synchronization

/// The in-process locks by name: what `local:` and `channel:` URLs name.
///
/// A lock takes memory only while somebody uses it.
public final class LocalLocks: LockProvider {
  /// A lock that lives as long as somebody uses it.
  private struct Used<Core: AnyObject & Sendable>: Sweepable {
    weak var core: Core?

    func retireIfIdle() -> Bool { self.core == nil }
  }

  private typealias Table<Core: AnyObject & Sendable> = Locked<SweptTable<LockName, Used<Core>>>

  /// The locks that the whole process shares.
  public static let shared = LocalLocks()

  private static let instances = Atomic(0)
  private static let origin = ContinuousClock.now
  private let instance = LocalLocks.nextInstance()
  private let observability: LockObservability
  private let mutexes = Table<LocalLockCore>(SweptTable(minimumSize: 64))
  private let channels = Table<ChannelLock>(SweptTable(minimumSize: 64))
  private let readWriteLocks = Table<LocalGrantCore<ReadWriteRule>>(SweptTable(minimumSize: 64))
  private let semaphores = Table<LocalGrantCore<PermitRule>>(SweptTable(minimumSize: 64))

  /// Makes a registry of its own: its locks have nothing to do with those of other registries.
  ///
  /// - Parameter observability: What its locks tell of themselves.
  public init(observability: LockObservability = LockObservability()) {
    self.observability = observability
  }

  /// The mutex of a name.
  ///
  /// - Parameter name: The name that contenders agree on.
  /// - Returns: The mutex; equal names give the same lock.
  public func lock(_ name: LockName) -> LocalMutex {
    LocalMutex(
      core: Self.core(name, in: self.mutexes) {
        LocalLockCore(name: name, instance: self.instance, observability: self.observability)
      }
    )
  }

  /// The channel try-lock of a name; it has nothing to do with the mutex of that name.
  ///
  /// - Parameter name: The name that contenders agree on.
  /// - Returns: The try-lock; equal names give the same lock.
  public func channel(_ name: LockName) -> ChannelTryLock {
    ChannelTryLock(
      Self.core(name, in: self.channels) {
        ChannelLock(name: name, instance: self.instance, observability: self.observability)
      }
    )
  }

  /// The read-write lock of a name; it has nothing to do with the mutex of that name.
  ///
  /// - Parameter name: The name that contenders agree on.
  /// - Returns: The lock; equal names give the same lock.
  public func readWriteLock(_ name: LockName) -> LocalReadWriteLock {
    LocalReadWriteLock(
      Self.core(name, in: self.readWriteLocks) {
        LocalReadWriteLock.core(name, instance: self.instance, self.observability)
      }
    )
  }

  /// The semaphore of a name.
  ///
  /// - Parameters:
  ///   - name: The name that contenders agree on.
  ///   - limit: How many permits there are. All who use the semaphore must give the same: else what is asked of it is refused. Where
  ///     the limit is shared, the seed of the first one counts.
  /// - Returns: The semaphore; equal names give the same semaphore.
  public func semaphore(_ name: LockName, limit: LocalSemaphore.Limit) -> LocalSemaphore {
    LocalSemaphore(
      Self.core(name, in: self.semaphores) {
        LocalSemaphore.core(name, limit: limit, instance: self.instance, self.observability)
      },
      limit: limit
    )
  }

  /// How many hold or wait for either half of a read-write lock.
  package func callers(ofReadWriteLock name: LockName) -> Int { Self.used(name, in: self.readWriteLocks)?.callers ?? 0 }

  /// How many hold permits of a semaphore, or wait for some.
  package func callers(ofSemaphore name: LockName) -> Int { Self.used(name, in: self.semaphores)?.callers ?? 0 }

  /// How many mutexes the table holds, those included that are gone but not swept yet.
  package var tableSize: Int { self.mutexes.withLock { $0.count } }

  /// Tells registries, and locks outside any registry, apart.
  static func nextInstance() -> String {
    String(self.instances.wrappingAdd(1, ordering: .relaxed).newValue)
  }

  /// The number that a new lock's grants come after: the nanoseconds since the process began to use locks. So tokens grow even if
  /// a lock is forgotten and made again: nobody makes a grant a nanosecond.
  static func firstNumber() -> UInt64 {
    // In this order: the first lock also sets the origin.
    let origin = self.origin
    return UInt64((ContinuousClock.now - origin).nanoseconds)
  }

  private static func used<Core>(_ name: LockName, in table: borrowing Table<Core>) -> Core? {
    table.withLock { $0[name]?.core }
  }

  private static func core<Core>(_ name: LockName, in table: borrowing Table<Core>, _ make: () -> Core) -> Core {
    table.withLock { table in
      if let core = table[name]?.core { return core }
      let core = make()
      table.insert(Used(core: core), for: name)
      return core
    }
  }
}
