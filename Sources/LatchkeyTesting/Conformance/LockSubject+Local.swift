internal import Latchkey

extension LockSubject {
  /// The in-process mutex: all clients share one registry.
  public static func mutex() -> LockSubject {
    let locks = LocalLocks()
    return self.local("mutex") { locks.lock($0) }
  }

  /// The channel try-lock: all clients share one registry.
  public static func channel() -> LockSubject {
    let locks = LocalLocks()
    return self.local("channel") { locks.channel($0) }
  }

  private static func local<Lock: DistributedLock>(
    _ label: String,
    _ lock: @escaping @Sendable (LockName) -> Lock
  ) -> LockSubject {
    var faults = LockFaults<LocalClient<Lock>>()
    faults.contenders = { name in
      do throws(LockError) {
        try await lock(name).acquire(within: .zero).release()
        return 0
      } catch {
        return error.wait?.place ?? 0
      }
    }
    return LockSubject(
      label: label,
      traits: [.fenced, .fair, .namesHolder],
      faults: faults,
      makeClient: { LocalClient(make: lock) },
      close: { _ in }
    )
  }
}

/// A client of in-process locks: there is nothing to connect to.
private struct LocalClient<Lock: DistributedLock>: LockProvider {
  let make: @Sendable (LockName) -> Lock

  func lock(_ name: LockName) -> Lock { self.make(name) }
}
