import Latchkey
import LatchkeyPrimitives

/// A lease whose deadline and loss a test decides.
final class FakeLease: LeaseDriver {
  let name: LockName
  let backend = LockBackend(kind: "fake", instance: "")
  let term: Term

  init(remaining: Duration) throws {
    self.name = "orders"
    self.term = Term(deadline: .now.advanced(by: remaining))
  }

  var held: HeldLock { HeldLock(driver: self, grant: 1, token: FencingToken(major: 7)) }

  func lose() { self.term.end(.reported("the test said so")) }

  func deadline(of grant: UInt64) -> ContinuousClock.Instant? { self.term.deadline }

  func isHeld(_ grant: UInt64) -> Bool { self.term.isLive }

  func isReleased(_ grant: UInt64) -> Bool { false }

  func onEnding(of grant: UInt64, _ handler: @escaping @Sendable (LeaseEnding) -> Void) -> UInt64? {
    self.term.onEnd { [name] end in handler(.lost(.lost(name, because: end.reason))) }
  }

  func removeEndingHandler(_ id: UInt64, of grant: UInt64) { self.term.removeHandler(id) }

  func extend(_ grant: UInt64) async throws(LockError) {}

  func release(_ grant: UInt64) async throws(LockError) -> PendingRelease? { nil }

  func abandon(_ grant: UInt64) {}
}
