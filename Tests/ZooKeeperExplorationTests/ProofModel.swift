import LatchkeyExplorer
import LatchkeyTesting

@testable import ZooKeeper

/// One client with the machine that proves how long its session lives, the C client below it, the server that it is connected to,
/// and that server's leader, who alone decides when the session ends.
///
/// Time is in units of a 48th of the timeout. The leader pings its followers every eighth of the timeout, as it does with four
/// ticks to a timeout, the least that is allowed. Between leader and follower a message takes up to ``longestDelay``; everything
/// else may take any time: the client may be paused, and its events may wait in the C client's queue.
struct ProofModel: ExplorationModel {
  /// What surrounds the machine, and what the proof assumes of it; a mutant is a changed line.
  struct Shell {
    /// A heartbeat's time is that of before it was sent.
    var stampsBeforeSending = true
    /// The leader answers a heartbeat only once a majority has agreed.
    var beatsNeedMajority = true
    /// Pings and answers keep their order between a follower and its leader.
    var keepsOrder = true
    /// The longest that a message takes between leader and follower; less than two, that is, a 24th of the timeout.
    var longestDelay = 1
  }

  enum Step: Hashable {
    case tick, ping
    case beat
    case atFollower, toLeader, toFollower, overtakeToLeader, atClient
    case hear
    case look(deposed: Bool), connect, failToConnect
    case giveUp
    case breakConnection(tellsFirst: Bool), cut, depose
  }

  /// Where the client's connection is.
  enum Connection: Hashable {
    case searching
    /// A server has asked the leader, and the leader has looked at the session.
    case accepted
    case connected
  }

  /// What the C client has in its queue for the machine.
  enum Event: Hashable {
    case connected, disconnected
    case answered(isGood: Bool)
  }

  /// What is under way between follower and leader.
  struct Message: Hashable {
    enum Content: Hashable {
      case beat, ping
      case relay(hasHeard: Bool)
    }

    var content: Content
    var sentAt: Int
  }

  /// Where the heartbeat is that is under way.
  enum Beat: Hashable {
    case none
    /// The C client keeps it until it is connected.
    case kept
    case toFollower
    /// It is among the messages to or from the leader, or was and is lost.
    case beyond
    case toClient
    /// Its outcome is among the events.
    case told
  }

  struct State {
    var machine: HeartbeatMachine
    var faults: Int
    var now = 0
    var nextPing = ProofModel.pingInterval
    var connection = Connection.searching
    var hasSession = false
    var beat = Beat.none
    var events: [Event] = []
    /// Whether the follower has heard the client since it last told the leader.
    var hasHeard = false
    /// Whether nothing passes between the follower and its leader any more.
    var isCut = false
    /// Whether the follower's leader has been deposed and does not know it, and whether there is such a leader.
    var isDeposed = false
    var hasDeposedLeader = false
    var up: [Message] = []
    var down: [Message] = []
    /// When the leader last heard of the session.
    var touchedAt = 0
    /// Whether something newer has been proven since the last fault.
    var hasProven = false
  }

  /// The timeout with which there are four ticks to a session; the leader pings every half tick.
  static let leastTimeout = 48
  static let unit = Duration.milliseconds(100)
  static let pingInterval = Self.leastTimeout / 8
  private static let origin = ContinuousClock.now

  var rules = HeartbeatMachine.Rules()
  var shell = Shell()
  let budget: Int
  /// The session's timeout.
  let timeout: Int

  init(faults budget: Int, timeout: Int = Self.leastTimeout) {
    self.budget = budget
    self.timeout = timeout
  }

  static func instant(_ time: Int) -> ContinuousClock.Instant { self.origin + self.unit * time }

  var start: State {
    let least = Self.unit * Self.leastTimeout
    let machine = HeartbeatMachine(openedAt: Self.instant(0), leastTimeout: least, rules: self.rules)
    return State(machine: machine, faults: self.budget)
  }

  // MARK: What may happen

  func steps(from state: State) -> [Step] {
    var steps: [Step] = []
    let isOverdue = (state.up + state.down).contains { $0.sentAt + self.shell.longestDelay <= state.now }
    if state.nextPing == 0 { steps.append(.ping) } else if !isOverdue { steps.append(.tick) }
    if let due = state.machine.nextBeat, due <= Self.instant(state.now) { steps.append(.beat) }
    if !state.events.isEmpty { steps.append(.hear) }
    switch state.connection {
    case .searching:
      steps.append(.look(deposed: false))
      // The queue has an end, and this may come again and again.
      if state.hasDeposedLeader, state.hasSession, state.events.count < 4 { steps.append(.look(deposed: true)) }
      if state.beat == .kept { steps.append(.failToConnect) }
    case .accepted: steps += [.connect, .failToConnect]
    case .connected:
      if state.beat == .toFollower { steps.append(.atFollower) }
      if state.beat == .toClient { steps.append(.atClient) }
      if !state.up.isEmpty { steps.append(.toLeader) }
      if !self.shell.keepsOrder, state.up.count > 1 { steps.append(.overtakeToLeader) }
      if !state.down.isEmpty { steps.append(.toFollower) }
      // Client and server hear nothing of each other, or the server nothing of its leader, until they give up.
      if state.isCut || state.isDeposed { steps.append(.giveUp) }
    }
    guard state.faults > 0, state.hasSession else { return steps }
    if state.connection == .connected {
      steps += [.breakConnection(tellsFirst: true), .breakConnection(tellsFirst: false)]
      if !state.isCut { steps.append(.cut) }
    }
    if !state.hasDeposedLeader { steps.append(.depose) }
    return steps
  }

  func isFault(_ step: Step, in state: State) -> Bool {
    switch step {
    case .breakConnection, .cut, .depose, .failToConnect: true
    // Nobody need ever be accepted by a leader who was deposed.
    case .look(let deposed): deposed
    default: false
    }
  }

  func take(_ step: Step, in state: inout State) {
    switch step {
    case .tick:
      state.now += 1
      state.nextPing -= 1
    case .ping:
      state.nextPing = Self.pingInterval
      if state.connection == .connected, !state.isCut { state.down.append(Message(content: .ping, sentAt: state.now)) }
    case .beat:
      let stamp = self.shell.stampsBeforeSending ? state.now : state.now + 1
      guard state.machine.tick(now: Self.instant(stamp)) != nil else { return }
      state.beat = state.connection == .connected ? .toFollower : .kept
    case .atFollower:
      state.hasHeard = true
      state.beat = .beyond
      if !state.isCut { state.up.append(Message(content: .beat, sentAt: state.now)) }
    case .toLeader: self.arrive(state.up.removeFirst(), &state)
    case .overtakeToLeader: self.arrive(state.up.removeLast(), &state)
    case .toFollower:
      switch state.down.removeFirst().content {
      case .ping, .relay:
        state.up.append(Message(content: .relay(hasHeard: state.hasHeard), sentAt: state.now))
        state.hasHeard = false
      case .beat: state.beat = .toClient
      }
    case .atClient:
      state.beat = .told
      state.events.append(.answered(isGood: true))
    case .hear: self.hear(state.events.removeFirst(), &state)
    case .look(let deposed):
      state.connection = .accepted
      state.isDeposed = deposed
      state.hasSession = true
      if !deposed { state.touchedAt = state.now }
    case .connect:
      state.connection = .connected
      state.events.append(.connected)
      if state.beat == .kept { state.beat = .toFollower }
    case .failToConnect:
      (state.connection, state.isDeposed) = (.searching, false)
      guard state.beat == .kept else { return }
      state.beat = .told
      state.events.append(.answered(isGood: false))
    case .giveUp: self.disconnect(tellsFirst: true, &state)
    case .breakConnection(let tellsFirst):
      self.spendFault(&state)
      self.disconnect(tellsFirst: tellsFirst, &state)
    case .cut:
      self.spendFault(&state)
      state.isCut = true
      (state.up, state.down) = ([], [])
    case .depose:
      self.spendFault(&state)
      state.hasDeposedLeader = true
      // A new leader gives every session its whole time. The client's server may not have heard of him.
      state.isDeposed = state.connection != .searching
      state.touchedAt = state.now
    }
  }

  private func spendFault(_ state: inout State) {
    state.faults -= 1
    state.hasProven = false
  }

  private func arrive(_ message: Message, _ state: inout State) {
    switch message.content {
    case .beat, .ping:
      // Who was deposed finds no majority; what he answers by himself he goes on answering.
      if state.isDeposed, self.shell.beatsNeedMajority { return }
      state.down.append(Message(content: .beat, sentAt: state.now))
    case .relay(let hasHeard): if hasHeard, !state.isDeposed { state.touchedAt = state.now }
    }
  }

  /// - Parameter tellsFirst: Whether the C client says that the connection is gone before it gives up what was under way.
  private func disconnect(tellsFirst: Bool, _ state: inout State) {
    state.connection = .searching
    (state.isCut, state.isDeposed, state.hasHeard) = (false, false, false)
    (state.up, state.down) = ([], [])
    var events = [Event.disconnected]
    switch state.beat {
    case .toFollower, .beyond, .toClient:
      state.beat = .told
      events.insert(.answered(isGood: false), at: tellsFirst ? 1 : 0)
    case .none, .kept, .told: break
    }
    state.events += events
  }

  private func hear(_ event: Event, _ state: inout State) {
    let before = state.machine.proven
    let now = Self.instant(state.now)
    switch event {
    case .connected: _ = state.machine.connected(timeout: Self.unit * self.timeout, now: now)
    case .disconnected: state.machine.disconnected()
    case .answered(let isGood):
      state.beat = .none
      guard let beat = state.machine.outstanding else { return }
      _ = state.machine.answered(beat.id, isGood: isGood, now: now)
    }
    if state.machine.proven != before { state.hasProven = true }
  }

  // MARK: What must be

  func check(_ state: State) throws(BrokenPromise) {
    guard let deadline = state.machine.deadline else { return }
    guard deadline <= Self.instant(state.touchedAt + self.timeout) else {
      throw BrokenPromise("the client counts on the session for longer than the leader gives it")
    }
  }

  /// From wherever it is, the client gets to a new proof, unless the session is too short for any.
  func isAtRest(_ state: State) -> Bool {
    (state.hasProven || state.machine.isTooShort) && state.machine.isConnected && !state.isDeposed && !state.isCut
  }
}
