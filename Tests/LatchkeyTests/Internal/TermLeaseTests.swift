import Latchkey
import Logging
import Testing

@Suite("A lease with a deadline")
struct TermLeaseTests {
  /// Found by `latchkey verify`: after a pause, one thread had ended the term and not yet told its handlers while another
  /// gave the lease back, which then passed for a release in time.
  @Test("a lease that is given back between the end of its term and the telling of it was lost")
  func givenBackTooLate() async throws {
    let term = LeaseTerm(deadline: .now.advanced(by: .seconds(60)))
    // Without `watchTerm()`: its handler is the thread that has not come to it yet.
    let lease = TermLease<Owner>(owner: Owner(name: try LockName("orders")), node: 0, grant: 1, token: nil, term: term)
    let held = lease.makeLeaseView()
    term.end(.deadlinePassed)
    await #expect(throws: LockError.self) { try await lease.release(1) }
    #expect(await held.lost?.code == .lockLost)
  }

  private final class Owner: TermLeaseOwner {
    typealias Node = Int

    let name: LockName
    let backend = LockBackend(kind: "test", instance: "")
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    init(name: LockName) {
      self.name = name
    }

    func extend(_ lease: TermLease<Owner>) async throws(LockError) {}

    func release(_ lease: TermLease<Owner>) async {}

    func releaseInBackground(_ lease: TermLease<Owner>) {}
  }
}

extension TermLease {
  fileprivate func makeLeaseView() -> HeldLock { HeldLock(driver: self, grant: self.grant, token: self.token) }
}
