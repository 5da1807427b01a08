import Latchkey
import LatchkeyPrimitives
import LatchkeyTestSupport
import Logging
import Testing

@Suite("A lease with a deadline")
struct TermLeaseTests {
  /// Found by `latchkey verify`: after a pause, one thread had ended the term and not yet told its handlers while another
  /// gave the lease back, which then passed for a release in time.
  @Test("a lease that is given back between the end of its term and the telling of it was lost")
  func givenBackTooLate() async throws {
    let term = Term(deadline: .now.advanced(by: .seconds(60)))
    // Without `watchTerm()`: its handler is the thread that has not come to it yet.
    let lease = TermLease<Owner>(owner: Owner(name: "orders"), node: 0, grant: 1, token: nil, term: term)
    let held = lease.makeLeaseView()
    term.end(.deadlinePassed)
    await #expect(throws: LockError.self) { try await lease.release(1) }
    #expect(await held.lost?.code == .lockLost)
  }

  /// A holder may ask under a lock of its own, and the handlers of others may want that very lock.
  @Test("asking whether a lease still stands runs nobody's handlers, and yet every answer is final")
  func askingTellsNobody() async throws {
    let term = Term(deadline: .now.advanced(by: .milliseconds(20)))
    let owner = Owner(name: "orders")
    let asked = TermLease<Owner>(owner: owner, node: 0, grant: 1, token: nil, term: term)
    let other = TermLease<Owner>(owner: owner, node: 1, grant: 2, token: nil, term: term)
    let told = Shared(0)
    for lease in [asked, other] {
      lease.watchTerm()
      _ = lease.onEnding(of: lease.grant) { _ in told.change { $0 += 1 } }
    }
    try await Task.sleep(until: term.deadline, clock: .continuous)
    let held = asked.makeLeaseView()
    #expect(!held.isHeld)
    #expect(throws: LockError.self) { try held.ensureHeld() }
    #expect(await held.lost?.code == .lockLost)
    await #expect(throws: LockError.self) { try await held.extend() }
    #expect(!term.advance(to: .now.advanced(by: .seconds(60))))
    #expect(!held.isHeld)
    #expect(told.value == 0)
    #expect(!term.expire())
    #expect(told.value == 2)
    #expect(!term.expire())
    #expect(told.value == 2)
  }

  private final class Owner: TermLeaseOwner {
    typealias Node = Int

    let name: LockName
    let backend = LockBackend(kind: "test", instance: "")
    let logger = Logger.quiet

    init(name: LockName) {
      self.name = name
    }

    func extend(_ lease: TermLease<Owner>) async throws(LockError) {}

    func release(_ lease: TermLease<Owner>) async throws(LockError) -> PendingRelease? { nil }

    func releaseInBackground(_ lease: TermLease<Owner>) {}
  }
}

extension TermLease {
  fileprivate func makeLeaseView() -> HeldLock { HeldLock(driver: self, grant: self.grant, token: self.token) }
}
