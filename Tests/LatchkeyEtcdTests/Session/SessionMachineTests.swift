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

  @Test("is over when the servers say so", arguments: [0, 1])
  func told(way: Int) {
    var (machine, _) = Self.live()
    let event: Machine.Event = way == 0 ? .kept(stream: 1, timeToLive: .zero) : .leaseGone(lease: 7)
    let actions = machine.handle(event, at: Self.at(500))
    #expect(actions.contains { if case .end(lease: 7, _) = $0 { true } else { false } })
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

  /// A server, a network that delays at will, and the machine: whenever the machine says that the lease lives, it does.
  private static func run(_ rules: Machine.Rules, seed: UInt64) -> (isSafe: Bool, isAlive: Bool) {
    var random = SplitMix(state: seed)
    var machine = Machine(requested: .seconds(3), rules: rules)
    let granted = 2_000
    var now = 0
    var leaseEnds = 0
    var deadline: ContinuousClock.Instant?
    var inFlight: [(due: Int, event: Machine.Event)] = []
    var isSafe = true
    var deafStreams: Set<UInt64> = []
    func delay() -> Int {
      Int.random(in: 0..<10, using: &random) == 0
        ? Int.random(in: 0..<2_500, using: &random) : Int.random(in: 1..<40, using: &random)
    }
    func perform(_ actions: [Machine.Action]) {
      for action in actions {
        switch action {
        case .grant(let attempt):
          let arrival = now + delay()
          leaseEnds = arrival + granted
          inFlight.append(
            (arrival + delay(), .granted(attempt: attempt, lease: Int64(attempt), timeToLive: .milliseconds(granted)))
          )
        case .begin(_, let end), .extend(_, let end): deadline = end
        case .end: deadline = nil
        case .openStream(let stream): if Int.random(in: 0..<4, using: &random) == 0 { deafStreams.insert(stream) }
        case .send(let stream, _):
          guard !deafStreams.contains(stream) else { continue }
          let arrival = now + delay()
          let isAlive = arrival < leaseEnds
          if isAlive { leaseEnds = max(leaseEnds, arrival + granted) }
          inFlight.append(
            (arrival + delay(), .kept(stream: stream, timeToLive: isAlive ? .milliseconds(granted) : .zero))
          )
        case .revoke, .closeStream, .suspectConnection: break
        }
      }
    }
    perform(machine.handle(.started, at: self.at(0)))
    var extensions = 0
    while now < 60_000 {
      now += 10
      let due = inFlight.filter { $0.due <= now }.sorted { $0.due < $1.due }
      inFlight.removeAll { $0.due <= now }
      for (_, event) in due {
        let actions = machine.handle(event, at: self.at(now))
        if actions.contains(where: { if case .extend = $0 { true } else { false } }) { extensions += 1 }
        perform(actions)
      }
      if let wake = machine.wakeAt, wake <= self.at(now) { perform(machine.handle(.woken, at: self.at(now))) }
      if let deadline, self.at(now) < deadline, now >= leaseEnds { isSafe = false }
    }
    return (isSafe, extensions > 20)
  }

  @Test("never outlives the lease at the server, under any delays")
  func model() {
    for seed in 1...200 {
      let (isSafe, isAlive) = Self.run(Machine.Rules(), seed: UInt64(seed))
      #expect(isSafe && isAlive, "seed \(seed)")
    }
  }

  @Test("each rule is needed", arguments: 0..<4)
  func mutants(number: Int) {
    var rules = Machine.Rules()
    switch number {
    case 0: rules.countsFromSend = false
    case 1: rules.usesReturnedTime = false
    case 2: rules.endsAtDeadline = false
    default: rules.replacesSilentStreams = false
    }
    if number < 2 {
      #expect((1...200).contains { !Self.run(rules, seed: UInt64($0)).isSafe })
    } else if number == 2 {
      var (machine, _) = Self.live(rules)
      let actions = machine.handle(.kept(stream: 1, timeToLive: .seconds(10)), at: Self.at(9_950))
      #expect(!actions.contains { if case .end = $0 { true } else { false } })
    } else {
      var (machine, _) = Self.live(rules)
      #expect(machine.handle(.woken, at: Self.at(1_800)).isEmpty)
    }
  }
}

/// A small generator that gives the same numbers for the same seed.
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    self.state &+= 0x9E37_79B9_7F4A_7C15
    var word = self.state
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }
}
#endif
