internal import Latchkey
internal import LatchkeyPrimitives

/// A caller of `acquire` in a task of its own, which holds the lock until it is told to release it.
final class Contender: Sendable {
  private let grant = OneShot<Result<HeldLock, LockError>>()
  private let gate = OneShot<Void>()
  private let released = OneShot<LockError?>()
  private let task: Task<Void, Never>

  /// The task runs up to its first suspension before this returns, so contenders of one client call in the order in which
  /// they are made.
  init(_ lock: any DistributedLock, within timeout: Duration?, onGrant: @escaping @Sendable (HeldLock) -> Void) {
    self.task = Task.immediate { [grant, gate, released] in
      do throws(LockError) {
        let lease = try await lock.acquire(within: timeout)
        onGrant(lease.held)
        grant.resolve(.success(lease.held))
        await gate.value
        do throws(LockError) {
          try await lease.release()
          released.resolve(nil)
        } catch {
          released.resolve(error)
        }
      } catch {
        grant.resolve(.failure(error))
        released.resolve(nil)
      }
    }
  }

  /// The view of the lease, once granted.
  func granted() async throws(LockError) -> HeldLock { try await self.grant.value.get() }

  /// How the acquire ended; nil while it waits.
  var outcome: Result<HeldLock, LockError>? { self.grant.current }

  var isWaiting: Bool { self.grant.current == nil }

  /// Whether the lock was granted and the grant still stands.
  var isHolding: Bool {
    if case .success(let held)? = self.outcome { held.isHeld } else { false }
  }

  /// The error that the acquire ended with; nil if it was granted.
  func error() async -> LockError? {
    switch await self.grant.value {
    case .success: nil
    case .failure(let error): error
    }
  }

  /// Releases the lease, or gives up waiting for the gate if there is none.
  func release() async throws(LockError) {
    self.gate.resolve()
    if let error = await self.released.value { throw error }
  }

  /// Releases as soon as the lock is granted, without waiting for it here.
  func releaseWhenGranted() { self.gate.resolve() }

  func cancel() { self.task.cancel() }

  /// Stops waiting or holding, whatever it does.
  func giveUp() {
    self.task.cancel()
    self.gate.resolve()
  }
}
