import Latchkey
import LatchkeyPrimitives
import LatchkeyProcesses
import LatchkeyTestSupport
import Logging
import Testing

@testable import LatchkeyCLI
@testable import LatchkeyTesting

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@Suite("A task of a client process of a verification", .timeLimit(.minutes(1)))
struct VerifyWorkerTests {
  @Test(
    "wakes no alarm by looking: a lock whose alarm is dead is found out, one whose alarm rings is not",
    arguments: [true, false]
  )
  func alarms(rings: Bool) async throws {
    let pipe = try Pipe()
    let outlet = VerifyOutlet(to: pipe.writing)
    let plan = VerifyPlan(
      url: "redis://h/x",
      freshServers: [],
      workers: 1,
      timeToLive: .milliseconds(100),
      budget: .seconds(1),
      seed: 1
    )
    let lock = MortalLock(name: "orders", rings: rings)
    outlet.linger(.milliseconds(200), isWatched: false)
    let worker = Task {
      var worker = VerifyWorker(plan: plan, number: 0, lock: lock, outlet: outlet)
      await worker.run()
    }
    // Until the hold that lingers is over.
    var events: [RecordedEvent] = []
    for await line in Descriptors.lines(of: pipe.reading) {
      let event = try JSON.decode(ClientEvent.self, from: line)
      events.append(RecordedEvent(client: 0, life: 0, event: event))
      if case .write = event { outlet.answer(worker: 0, accepted: true) }
      if case .released = event, ClientHistory(events).leases.contains(where: \.isUnwatched) { break }
    }
    worker.cancel()
    outlet.close()
    await worker.value
    for end in [pipe.writing, pipe.reading] { close(end) }
    let history = ClientHistory(events)
    #expect(HistoryJudge().findings(in: history).map(\.kind) == (rings ? [] : [.lossNotTold]))
    #expect(history.leases.contains(where: \.isToldUnasked) == rings)
  }

  /// Its leases last 50 ms, whoever asks.
  private final class MortalLock: DistributedLock, TermLeaseOwner {
    typealias Node = Int

    let name: LockName
    let backend = LockBackend(kind: "test", instance: "")
    let logger = Logger.quiet
    private let rings: Bool
    private let tokens = Locked<UInt64>(0)

    init(name: LockName, rings: Bool) {
      self.name = name
      self.rings = rings
    }

    func tryAcquire() async throws(LockError) -> Lease? { self.grant() }

    func acquire(within timeout: Duration?) async throws(LockError) -> Lease { self.grant() }

    private func grant() -> Lease {
      let token = self.tokens.withLock { last in
        last += 1
        return FencingToken(major: last)
      }
      let term = Term(deadline: .now.advanced(by: .milliseconds(50)))
      let lease = TermLease<MortalLock>(owner: self, node: 0, grant: 1, token: token, term: term)
      lease.watchTerm()
      if self.rings {
        Task {
          try? await Task.sleep(until: term.deadline, clock: .continuous)
          term.expire()
        }
      }
      return lease.makeLease()
    }

    func extend(_ lease: TermLease<MortalLock>) async throws(LockError) {}

    func release(_ lease: TermLease<MortalLock>) async throws(LockError) -> PendingRelease? { nil }

    func releaseInBackground(_ lease: TermLease<MortalLock>) {}
  }
}
