#if Etcd
import Testing

@testable import LatchkeyEtcd

@Suite("The session machine")
struct SessionMachineTests {
  typealias Machine = SessionMachine

  private static let start = ContinuousClock.now

  private static func at(_ milliseconds: Int) -> ContinuousClock.Instant { self.start + .milliseconds(milliseconds) }

  /// A machine with a lease of ten seconds, granted from a request sent at 0 and answered at 100 ms.
  private static func live(_ rules: Machine.Rules = Machine.Rules()) -> (Machine, [Machine.Action]) {
    var machine = Machine(requested: .seconds(5), rules: rules)
    #expect(machine.handle(.started, at: self.at(0)) == [.grant(attempt: 1)])
    let actions = machine.handle(.granted(attempt: 1, lease: 7, timeToLive: .seconds(10)), at: self.at(100))
    return (machine, actions)
  }

  private static func deadline(_ actions: [Machine.Action]) -> ContinuousClock.Instant? {
    actions.compactMap { action in
      switch action {
      case .begin(_, let deadline), .extend(_, let deadline): deadline
      default: nil
      }
    }.last
  }

  /// What the server may do: the lease lives for its time from when it got the request.
  @Test("promises no more than the server keeps, counted from when the request was sent")
  func promise() {
    let (_, actions) = Self.live()
    #expect(Self.deadline(actions).map { $0 < Self.at(10_000) && $0 > Self.at(9_800) } == true)
  }

  @Test("sends keep-alives at a third of the time, and each answer moves the deadline from its own sending")
  func keepAlive() {
    var (machine, actions) = Self.live()
    #expect(actions.suffix(2) == [.openStream(1), .send(stream: 1, lease: 7)])
    actions = machine.handle(.kept(stream: 1, timeToLive: .seconds(10)), at: Self.at(400))
    #expect(Self.deadline(actions).map { $0 > Self.at(9_900) && $0 < Self.at(10_100) } == true)
    #expect(machine.wakeAt.map { $0 <= Self.at(3_500) } == true)
    #expect(machine.handle(.woken, at: Self.at(3_500)) == [.send(stream: 1, lease: 7)])
    actions = machine.handle(.kept(stream: 1, timeToLive: .seconds(10)), at: Self.at(4_400))
    #expect(Self.deadline(actions).map { $0 > Self.at(13_300) && $0 < Self.at(13_500) } == true)
  }

  @Test("replaces a stream whose answer is overdue, by another connection, well before the deadline")
  func silence() {
    var (machine, _) = Self.live()
    #expect(machine.handle(.woken, at: Self.at(1_000)).isEmpty)
    let actions = machine.handle(.woken, at: Self.at(1_800))
    #expect(actions == [.closeStream(1), .suspectConnection, .openStream(2), .send(stream: 2, lease: 7)])
    // An answer on the stream that was given up counts for nothing: it cannot be matched with what was sent.
    #expect(machine.handle(.kept(stream: 1, timeToLive: .seconds(10)), at: Self.at(1_900)).isEmpty)
  }

  @Test("reopens a stream that ended, after a pause")
  func ended() {
    var (machine, _) = Self.live()
    #expect(machine.handle(.streamEnded(stream: 1), at: Self.at(200)).isEmpty)
    #expect(machine.handle(.woken, at: Self.at(201)).isEmpty)
    #expect(machine.handle(.woken, at: Self.at(400)) == [.openStream(2), .send(stream: 2, lease: 7)])
  }

  @Test("is over at the deadline, whatever comes later, and begins anew")
  func expiry() {
    var (machine, _) = Self.live()
    let actions = machine.handle(.kept(stream: 1, timeToLive: .seconds(10)), at: Self.at(9_950))
    #expect(actions.contains { if case .end(lease: 7, _) = $0 { true } else { false } })
    #expect(actions.contains(.revoke(lease: 7)) && actions.contains(.grant(attempt: 2)))
    #expect(!actions.contains { if case .extend = $0 { true } else { false } })
  }

  @Test("asks another connection for the next lease if a keep-alive was left unanswered, and only then")
  func suspicion() {
    var (machine, _) = Self.live()
    #expect(machine.handle(.woken, at: Self.at(10_500)).contains(.suspectConnection))
    (machine, _) = Self.live()
    _ = machine.handle(.kept(stream: 1, timeToLive: .seconds(10)), at: Self.at(400))
    // The process was stopped for long.
    let actions = machine.handle(.woken, at: Self.at(10_500))
    #expect(actions.contains { if case .end(lease: 7, _) = $0 { true } else { false } })
    #expect(!actions.contains(.suspectConnection))
  }

  @Test("is over when the servers say so", arguments: [0, 1])
  func told(way: Int) {
    var (machine, _) = Self.live()
    let event: Machine.Event = way == 0 ? .kept(stream: 1, timeToLive: .zero) : .leaseGone(lease: 7)
    let actions = machine.handle(event, at: Self.at(500))
    #expect(actions.contains { if case .end(lease: 7, _) = $0 { true } else { false } })
  }

  @Test(
    "is over when its term has ended, though its deadline has been moved; the term of another session is none of it"
  )
  func termEnded() {
    var (machine, _) = Self.live()
    #expect(!machine.handle(.kept(stream: 1, timeToLive: .seconds(10)), at: Self.at(9_000)).isEmpty)
    _ = machine.handle(.woken, at: Self.at(9_000))
    #expect(machine.handle(.termEnded(lease: 6), at: Self.at(9_990)).isEmpty)
    let actions = machine.handle(.termEnded(lease: 7), at: Self.at(9_990))
    #expect(actions.contains { if case .end(lease: 7, _) = $0 { true } else { false } })
    #expect(actions.contains(.revoke(lease: 7)) && actions.contains(.grant(attempt: 2)))
  }

  @Test("a grant that comes too late is given back, and so is one that comes after the end")
  func lateGrant() {
    var machine = Machine(requested: .seconds(2))
    _ = machine.handle(.started, at: Self.at(0))
    let late = machine.handle(.granted(attempt: 1, lease: 9, timeToLive: .seconds(2)), at: Self.at(3_000))
    #expect(late == [.grant(attempt: 2), .revoke(lease: 9)])
    _ = machine.handle(.closed, at: Self.at(3_100))
    #expect(
      machine.handle(.granted(attempt: 2, lease: 10, timeToLive: .seconds(2)), at: Self.at(3_200)) == [
        .revoke(lease: 10)
      ]
    )
  }

  @Test("asks again after a refusal, with pauses that grow")
  func refusals() {
    var machine = Machine(requested: .seconds(5))
    _ = machine.handle(.started, at: Self.at(0))
    var now = 0
    var pauses: [Duration] = []
    for attempt in 1...8 {
      _ = machine.handle(.grantFailed(attempt: UInt64(attempt)), at: Self.at(now))
      guard let wake = machine.wakeAt else {
        Issue.record("it does not ask again")
        return
      }
      pauses.append(wake - Self.at(now))
      now += 2_000
      #expect(machine.handle(.woken, at: Self.at(now)) == [.grant(attempt: UInt64(attempt + 1))])
    }
    #expect(pauses == pauses.sorted() && pauses.last == .seconds(1))
  }

  @Test("a session that goes on after its deadline would be noticed, and so would a stream that is left silent")
  func mutants() {
    var lenient = Machine.Rules()
    lenient.endsAtDeadline = false
    var (machine, _) = Self.live(lenient)
    let actions = machine.handle(.kept(stream: 1, timeToLive: .seconds(10)), at: Self.at(9_950))
    #expect(!actions.contains { if case .end = $0 { true } else { false } })
    var patient = Machine.Rules()
    patient.replacesSilentStreams = false
    (machine, _) = Self.live(patient)
    #expect(machine.handle(.woken, at: Self.at(1_800)).isEmpty)
  }
}
#endif
