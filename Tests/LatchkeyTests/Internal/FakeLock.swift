import Latchkey
import LatchkeyPrimitives

/// A lock that is always free, whose leases rest on a term that the test holds in its hand.
struct FakeLock: DistributedLock {
  let name: LockName
  let driver: FakeDriver

  init(_ name: String = "fake", deadline: Duration = .seconds(60)) throws {
    self.name = try LockName(name)
    self.driver = FakeDriver(name: self.name, term: Term(deadline: .now.advanced(by: deadline)))
  }

  var backend: LockBackend { self.driver.backend }
  var term: Term { self.driver.term }

  func tryAcquire() async throws(LockError) -> Lease? { self.lease() }
  func acquire(within timeout: Duration?) async throws(LockError) -> Lease { self.lease() }

  private func lease() -> Lease { Lease(driver: self.driver, grant: 1, token: FencingToken(major: 1)) }
}

/// Ends when its term does, and counts what is asked of it.
final class FakeDriver: LeaseDriver {
  struct Counts: Sendable, Equatable {
    var released = 0
    var releasedWhileCancelled = 0
    var abandoned = 0
    var handlers = 0
  }

  let name: LockName
  let backend = LockBackend(kind: "fake", instance: "test")
  let term: Term
  private let recorded = Locked(Counts())

  init(name: LockName, term: Term) {
    self.name = name
    self.term = term
  }

  var counts: Counts { self.recorded.withLock { $0 } }

  func deadline(of grant: UInt64) -> ContinuousClock.Instant? { self.term.deadline }

  func isHeld(_ grant: UInt64) -> Bool { self.term.isLive }

  func isReleased(_ grant: UInt64) -> Bool { self.counts.released + self.counts.abandoned > 0 }

  func onEnding(of grant: UInt64, _ handler: @escaping @Sendable (LeaseEnding) -> Void) -> UInt64? {
    let id = self.term.onEnd { [name] end in handler(.lost(.lost(name, because: end.reason))) }
    if id != nil { self.recorded.withLock { $0.handlers += 1 } }
    return id
  }

  func removeEndingHandler(_ id: UInt64, of grant: UInt64) {
    self.recorded.withLock { $0.handlers -= 1 }
    self.term.removeHandler(id)
  }

  func extend(_ grant: UInt64) async throws(LockError) {}

  func release(_ grant: UInt64) async throws(LockError) -> PendingRelease? {
    let isCancelled = Task.isCancelled
    self.recorded.withLock { counts in
      counts.released += 1
      if isCancelled { counts.releasedWhileCancelled += 1 }
    }
    if let end = self.term.ended { throw .lost(self.name, because: end.reason) }
    return nil
  }

  func abandon(_ grant: UInt64) { self.recorded.withLock { $0.abandoned += 1 } }
}
