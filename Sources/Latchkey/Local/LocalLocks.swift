internal import LatchkeyPrimitives
internal import Synchronization

/// The in-process locks by name: what `local:` and `channel:` URLs name.
///
/// A lock takes memory only while somebody uses it.
public final class LocalLocks: LockProvider {
  private struct Key: Hashable {
    let kind: LocalLockCore.Kind
    let name: LockName
  }

  private struct WeakCore: Sweepable {
    weak var core: LocalLockCore?

    func retireIfIdle() -> Bool { self.core == nil }
  }

  /// The locks that the whole process shares.
  public static let shared = LocalLocks()

  private static let instances = Atomic(0)
  private let instance = LocalLocks.nextInstance()
  private let observability: LockObservability
  private let cores = Locked(SweptTable<Key, WeakCore>(minimumSize: 64))

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
  public func mutex(_ name: LockName) -> LocalMutex {
    LocalMutex(core: self.core(name, kind: .mutex))
  }

  /// The channel try-lock of a name; it has nothing to do with the mutex of that name.
  ///
  /// - Parameter name: The name that contenders agree on.
  /// - Returns: The try-lock; equal names give the same lock.
  public func channel(_ name: LockName) -> ChannelTryLock {
    ChannelTryLock(core: self.core(name, kind: .channel))
  }

  /// The mutex of a name, as a lock of the common protocol.
  ///
  /// - Parameter name: The name that contenders agree on.
  /// - Returns: The mutex.
  public func lock(_ name: LockName) -> any DistributedLock { self.mutex(name) }

  /// How many names the table holds, those included whose lock is gone but not swept yet.
  package var tableSize: Int { self.cores.withLock { $0.count } }

  /// Tells registries, and locks outside any registry, apart.
  static func nextInstance() -> String {
    String(self.instances.wrappingAdd(1, ordering: .relaxed).newValue)
  }

  func core(_ name: LockName, kind: LocalLockCore.Kind) -> LocalLockCore {
    self.cores.withLock { cores in
      let key = Key(kind: kind, name: name)
      if let core = cores[key]?.core { return core }
      let core = LocalLockCore(
        name: name,
        kind: kind,
        instance: self.instance,
        observability: self.observability
      )
      cores.insert(WeakCore(core: core), for: key)
      return core
    }
  }
}
