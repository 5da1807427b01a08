internal import Latchkey
internal import LatchkeyPrimitives

/// A lease whose alarm never fires: it reports its loss only when it is asked. What `--sabotage silent-loss` makes of every
/// lease.
final class SilentLease: LeaseDriver {
  private let lease: HeldLock
  private let handlers = Locked(HandlerTable<@Sendable (LeaseEnding) -> Void>())

  init(_ lease: HeldLock) {
    self.lease = lease
  }

  /// The grant as its holder sees it.
  var held: HeldLock { HeldLock(driver: self, grant: 0, token: self.lease.token) }

  /// Notifies the handlers of the end: the lease was asked, or was given back.
  func tell() {
    let handlers = self.handlers.withLock { $0.removeAll() }
    // The grant has ended, so each is called at once.
    for handler in handlers { _ = self.lease.onEnding(handler) }
  }

  // MARK: LeaseDriver

  var name: LockName { self.lease.name }

  var backend: LockBackend { self.lease.backend }

  func deadline(of grant: UInt64) -> ContinuousClock.Instant? { self.lease.deadline }

  func isHeld(_ grant: UInt64) -> Bool {
    let isHeld = self.lease.isHeld
    if !isHeld { self.tell() }
    return isHeld
  }

  func isReleased(_ grant: UInt64) -> Bool { !self.lease.isHeld }

  func onEnding(of grant: UInt64, _ handler: @escaping @Sendable (LeaseEnding) -> Void) -> UInt64? {
    self.handlers.withLock { $0.add(handler) }
  }

  func removeEndingHandler(_ id: UInt64, of grant: UInt64) {
    self.handlers.withLock { _ = $0.remove(id) }
  }

  func extend(_ grant: UInt64) async throws(LockError) { try await self.lease.extend() }

  // The view of a lease neither releases nor drops it: the owner of the lease does.

  func release(_ grant: UInt64) async throws(LockError) -> PendingRelease? { nil }

  func abandon(_ grant: UInt64) {}
}
