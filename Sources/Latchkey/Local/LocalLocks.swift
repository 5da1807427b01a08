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

  private static func core<Core>(_ name: LockName, in table: borrowing Table<Core>, _ make: () -> Core) -> Core {
    table.withLock { table in
      if let core = table[name]?.core { return core }
      let core = make()
      table.insert(Used(core: core), for: name)
      return core
    }
  }
}
