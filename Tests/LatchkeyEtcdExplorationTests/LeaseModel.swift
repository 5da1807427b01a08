#if Etcd
import LatchkeyExplorer
import LatchkeyTesting

@testable import LatchkeyEtcd

/// One client's session with the real state machine, and the lease behind it at a server, in ticks of time.
///
/// The server's clock runs as fast as the allowance for drift permits: its two ticks are a hundredth less than the time to live
/// that it grants. Every message may take any time, and so may the step from the machine's decision to move the deadline to the
/// deadline's being moved.
struct LeaseModel: ExplorationModel {
  enum Step: Hashable {
    case tick, wake, perform
    case serveGrant, hearGrant
    case serveKeepAlive, hearKept
    case loseGrant, breakStream, loseKeepAlive, revoke
  }

  enum Granting {
    case none
    case asked(UInt64)
    case answered(UInt64, lease: Int64)
  }

  struct State {
    var machine: SessionMachine
    var faults: Int
    var now = 0
    var granting = Granting.none
    /// The stream that is open, what was sent over it and has not been carried out, and the answers that have not been heard: whether each lease
    /// lives.
    var stream: UInt64?
    var keepAlives: [Int64] = []
    var kept: [Bool] = []
    /// The leases at the server, with the ticks at which they end.
    var leases: [(id: Int64, end: Int)] = []
    var nextLease: Int64 = 1
    /// What the machine has decided on and nobody has done yet, beginning with a move of the deadline: one thread does all of it, and
    /// may stand still before that.
    var undone: [SessionMachine.Action] = []
    /// The deadline that the machine has decided on last.
    var decided: ContinuousClock.Instant?
    /// What the client's holders believe.
    var lease: Int64?
    var deadline: ContinuousClock.Instant?
    /// Leases that somebody ended from outside: nobody is protected from that.
    var revoked: [Int64] = []
  }

  static let tick = Duration.milliseconds(990)
  static let granted = Duration.seconds(2)
  static let ticksToLive = 2
  private static let origin = ContinuousClock.now

  var rules = SessionMachine.Rules()
  let budget: Int

  init(faults budget: Int) {
    self.budget = budget
  }

  static func instant(_ tick: Int) -> ContinuousClock.Instant { self.origin + self.tick * tick }

  var start: State {
    // More is asked for than is granted.
    var state = State(machine: SessionMachine(requested: Self.granted * 2, rules: self.rules), faults: self.budget)
    for action in state.machine.handle(.started, at: Self.instant(0)) {
      if case .grant(let attempt) = action { state.granting = .asked(attempt) }
    }
    return state
  }

  func steps(from state: State) -> [Step] {
    var steps: [Step] = [.tick]
    if !state.undone.isEmpty { steps.append(.perform) }
    if let wake = state.machine.wakeAt, wake <= Self.instant(state.now) { steps.append(.wake) }
    switch state.granting {
    case .none: break
    case .asked: steps.append(.serveGrant)
    case .answered: steps.append(.hearGrant)
    }
    if !state.keepAlives.isEmpty { steps.append(.serveKeepAlive) }
    if !state.kept.isEmpty { steps.append(.hearKept) }
    guard state.faults > 0 else { return steps }
    if case .none = state.granting {} else { steps.append(.loseGrant) }
    if state.stream != nil { steps.append(.breakStream) }
    if !state.keepAlives.isEmpty { steps.append(.loseKeepAlive) }
    if let lease = state.lease, state.leases.contains(where: { $0.id == lease }) { steps.append(.revoke) }
    return steps
  }

  func isFault(_ step: Step, in state: State) -> Bool {
    switch step {
    case .loseGrant, .breakStream, .loseKeepAlive, .revoke: true
    default: false
    }
  }

  func take(_ step: Step, in state: inout State) throws(BrokenPromise) {
    if self.isFault(step, in: state) { state.faults -= 1 }
    switch step {
    case .tick:
      state.now += 1
      state.leases.removeAll { $0.end <= state.now }
    case .wake: try self.feed(.woken, &state)
    case .perform:
      guard case .extend(let lease, let deadline) = state.undone.removeFirst() else { return }
      let isRefused = lease == state.lease && !Self.advance(to: deadline, &state)
      if isRefused { try self.feed(.termEnded(lease: lease), &state) }
      try self.performRest(&state)
    case .serveGrant:
      guard case .asked(let attempt) = state.granting else { return }
      state.leases.append((state.nextLease, state.now + Self.ticksToLive))
      state.granting = .answered(attempt, lease: state.nextLease)
      state.nextLease += 1
    case .hearGrant:
      guard case .answered(let attempt, let lease) = state.granting else { return }
      state.granting = .none
      try self.feed(.granted(attempt: attempt, lease: lease, timeToLive: Self.granted), &state)
    case .loseGrant:
      let attempt: UInt64
      switch state.granting {
      case .none: return
      case .asked(let number), .answered(let number, _): attempt = number
      }
      state.granting = .none
      try self.feed(.grantFailed(attempt: attempt), &state)
    case .serveKeepAlive:
      let lease = state.keepAlives.removeFirst()
      let index = state.leases.firstIndex { $0.id == lease }
      if let index { state.leases[index].end = state.now + Self.ticksToLive }
      state.kept.append(index != nil)
    case .hearKept:
      let lives = state.kept.removeFirst()
      guard let stream = state.stream else { return }
      try self.feed(.kept(stream: stream, timeToLive: lives ? Self.granted : .zero), &state)
    case .loseKeepAlive: state.keepAlives.removeFirst()
    case .breakStream:
      guard let stream = state.stream else { return }
      self.dropStream(&state)
      try self.feed(.streamEnded(stream: stream), &state)
    case .revoke:
      guard let lease = state.lease else { return }
      state.leases.removeAll { $0.id == lease }
      state.revoked.append(lease)
    }
  }

  private func dropStream(_ state: inout State) {
    state.stream = nil
    state.keepAlives = []
    state.kept = []
  }

  private func feed(_ event: SessionMachine.Event, _ state: inout State) throws(BrokenPromise) {
    let isIdle = state.undone.isEmpty
    for action in state.machine.handle(event, at: Self.instant(state.now)) {
      switch action {
      case .begin(_, let deadline): state.decided = deadline
      case .extend(_, let deadline):
        if let old = state.decided, old <= Self.instant(state.now) {
          throw BrokenPromise("a deadline that has passed is moved")
        }
        state.decided = deadline
      default: break
      }
      state.undone.append(action)
    }
    if isIdle { try self.performRest(&state) }
  }

  /// Does what is left, up to the next move of the deadline.
  private func performRest(_ state: inout State) throws(BrokenPromise) {
    while let action = state.undone.first {
      switch action {
      case .extend: return
      case .grant(let attempt): state.granting = .asked(attempt)
      case .begin(let lease, let deadline):
        state.lease = lease
        state.deadline = deadline
      case .end: (state.lease, state.deadline) = (nil, nil)
      case .revoke(let lease): state.leases.removeAll { $0.id == lease }
      case .openStream(let stream):
        self.dropStream(&state)
        state.stream = stream
      case .closeStream(let stream): if state.stream == stream { self.dropStream(&state) }
      case .send(let stream, let lease): if state.stream == stream { state.keepAlives.append(lease) }
      case .suspectConnection: break
      }
      state.undone.removeFirst()
    }
  }

  /// As a `Term` does it: a deadline that has passed does not move.
  private static func advance(to deadline: ContinuousClock.Instant, _ state: inout State) -> Bool {
    guard let old = state.deadline, Self.instant(state.now) < old else { return false }
    state.deadline = max(old, deadline)
    return true
  }

  func check(_ state: State) throws(BrokenPromise) {
    if state.undone.isEmpty, case .live(let live) = state.machine.phase, let deadline = state.deadline,
      deadline <= Self.instant(state.now), Self.instant(state.now) < live.deadline
    {
      throw BrokenPromise("a lease is kept alive although the term of its session has ended")
    }
    guard let lease = state.lease, let deadline = state.deadline, Self.instant(state.now) < deadline else { return }
    guard state.leases.contains(where: { $0.id == lease }) || state.revoked.contains(lease) else {
      throw BrokenPromise("the client believes that its session lives, and the server has ended it")
    }
  }

  /// From wherever it is, the client gets to a session that lives.
  func isAtRest(_ state: State) -> Bool {
    guard let lease = state.lease, let deadline = state.deadline, Self.instant(state.now) < deadline else {
      return false
    }
    return state.leases.contains { $0.id == lease }
  }

  // MARK: Words

  func digest(_ state: State, into digest: inout StateDigest) {
    func ticks(_ instant: ContinuousClock.Instant?) -> Int {
      guard let instant else { return -9 }
      // The next tick is all that matters of an instant, and nothing waits for longer than a few.
      var ticks = -3
      while ticks < 8, Self.instant(state.now + ticks) < instant { ticks += 1 }
      return ticks
    }
    digest.add(state.faults)
    for stream in [state.stream, state.machine.stream?.number] {
      if let stream { digest.add(name: stream, of: 2) } else { digest.add(0) }
    }
    switch state.granting {
    case .none: digest.add(0)
    case .asked: digest.add(1)
    case .answered(_, let lease):
      digest.add(2)
      digest.add(name: UInt64(lease), of: 1)
    }
    switch state.machine.phase {
    case .idle, .closed: digest.add(0)
    case .granting(_, let sentAt):
      digest.add(1)
      digest.add(ticks(sentAt))
    case .pausing(let until):
      digest.add(2)
      digest.add(ticks(until))
    case .live(let live):
      digest.add(3)
      digest.add(name: UInt64(live.lease), of: 1)
      digest.add(ticks(live.deadline))
      digest.add(ticks(live.reopenAt))
      digest.add(live.stream?.unanswered.count ?? -1)
      for sentAt in live.stream?.unanswered ?? [] { digest.add(ticks(sentAt)) }
      digest.add(ticks(live.stream?.lastSend))
    }
    for lease in state.leases {
      digest.add(name: UInt64(lease.id), of: 1)
      digest.add(lease.end - state.now)
    }
    for lease in state.keepAlives { digest.add(name: UInt64(lease), of: 1) }
    digest.add(state.kept.count)
    for lives in state.kept { digest.add(lives) }
    digest.add(ticks(state.deadline))
    digest.add(ticks(state.decided))
    for action in state.undone {
      switch action {
      case .grant: digest.add(1)
      case .begin(let lease, let deadline), .extend(let lease, let deadline):
        digest.add(2)
        digest.add(name: UInt64(lease), of: 1)
        digest.add(ticks(deadline))
      case .end: digest.add(3)
      case .revoke(let lease):
        digest.add(4)
        digest.add(name: UInt64(lease), of: 1)
      case .openStream(let stream):
        digest.add(5)
        digest.add(name: stream, of: 2)
      case .closeStream(let stream):
        digest.add(6)
        digest.add(name: stream, of: 2)
      case .send(let stream, let lease):
        digest.add(7)
        digest.add(name: stream, of: 2)
        digest.add(name: UInt64(lease), of: 1)
      case .suspectConnection: digest.add(8)
      }
    }
    digest.add(-1)
    if let lease = state.lease { digest.add(state.revoked.contains(lease)) }
  }

  func describe(_ step: Step, in state: State) -> String {
    switch step {
    case .tick: "half a time to live passes"
    case .wake: "the client does what is due"
    case .perform: "the deadline is moved, if it has not passed"
    case .serveGrant: "the server grants a lease"
    case .hearGrant: "the client hears of its lease"
    case .serveKeepAlive: "a keep-alive reaches the server"
    case .hearKept: "the client hears that its lease \(state.kept.first == true ? "is kept alive" : "is gone")"
    case .loseGrant: "FAULT: the request for a lease fails"
    case .breakStream: "FAULT: the stream of keep-alives breaks"
    case .loseKeepAlive: "FAULT: a keep-alive is lost"
    case .revoke: "FAULT: somebody revokes the lease"
    }
  }

  func describe(_ state: State) -> String { "the client never has a session again" }
}

extension SessionMachine {
  /// The stream of a lease that lives.
  var stream: Stream? {
    if case .live(let live) = self.phase { live.stream } else { nil }
  }
}
#endif
