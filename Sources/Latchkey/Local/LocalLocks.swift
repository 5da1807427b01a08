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

  private struct WeakCore {
    weak var core: LocalLockCore?
  }

  private struct State {
    var cores: [Key: WeakCore] = [:]
    /// Dead entries are swept when the table has grown to this size.
    var sweepAt = 64
  }

  /// The locks that the whole process shares.
  public static let shared = LocalLocks()

  private static let instances = Atomic(0)
  private let instance = LocalLocks.nextInstance()
  private let observability: LockObservability
  private let state = Locked(State())

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
  package var tableSize: Int { self.state.withLock { $0.cores.count } }

  /// Tells registries, and locks outside any registry, apart.
  static func nextInstance() -> String {
    String(self.instances.wrappingAdd(1, ordering: .relaxed).newValue)
  }

  func core(_ name: LockName, kind: LocalLockCore.Kind) -> LocalLockCore {
    self.state.withLock { state in
      let key = Key(kind: kind, name: name)
      if let core = state.cores[key]?.core { return core }
      if state.cores.count >= state.sweepAt {
        state.cores = state.cores.filter { $0.value.core != nil }
        state.sweepAt = max(64, state.cores.count * 2)
      }
      let core = LocalLockCore(
        name: name,
        kind: kind,
        instance: self.instance,
        observability: self.observability
      )
      state.cores[key] = WeakCore(core: core)
      return core
    }
  }
}
