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

  /// The in-process read-write lock: all clients share one registry.
  public static func localReadWriteLock() -> LockSubject {
    let locks = LocalLocks()
    var faults = LockFaults<LocalLocks>()
    faults.contenders = { locks.callers(ofReadWriteLock: $0) }
    faults.leftovers = { locks.callers(ofReadWriteLock: $0) }
    return LockSubject(
      label: "read-write lock",
      traits: [.fenced, .fair, .namesHolder],
      faults: faults,
      makeClient: { locks },
      readWriteLock: { $0.readWriteLock($1) },
      close: { _ in }
    )
  }

  /// The in-process semaphore: all clients share one registry.
  public static func localSemaphore() -> LockSubject {
    let locks = LocalLocks()
    var faults = LockFaults<LocalLocks>()
    faults.contenders = { locks.callers(ofSemaphore: $0) }
    faults.leftovers = { locks.callers(ofSemaphore: $0) }
    return LockSubject(
      label: "semaphore",
      traits: [.fair, .namesHolder, .sharesLimit],
      faults: faults,
      makeClient: { locks },
      semaphore: { locks, name, limit in
        switch limit {
        case .fixed(let count): locks.semaphore(name, limit: .fixed(count))
        case .shared(let seed): locks.semaphore(name, limit: .shared(seed: seed))
        }
      },
      close: { _ in }
    )
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
