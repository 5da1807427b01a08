import LatchkeyExplorer
import LatchkeyTesting

@testable import LatchkeyRedis

/// One holder that keeps its lease alive, with the real state machine, and somebody else who takes the lock whenever the server
/// lets them, in ticks of time: four ticks are a hundredth less than the TTL.
struct RenewalModel: ExplorationModel {
  /// What the script does, and what surrounds the machine; a mutant is a changed line.
  struct Shell {
    /// An extension moves the TTL of the holder's key only, and never plants one.
    var extendsOnly = true
  }

  enum Step: Hashable {
    case tick, look, serve, hear, release, serveRelease
    case take, giveBack
    case loseRequest, loseReply
    /// A request whose connection broke is carried out after all.
    case delay, arriveLate
    case deleteByHand
  }

  enum Owner {
    case none, holder, other
  }

  struct Flight {
    var sentAt: Int
    var answer: ExtensionAnswer?
  }

  struct State {
    var machine: RenewalMachine
    var faults: Int
    var now = 0
    var owner = Owner.holder
    var expiry = RenewalModel.ticksToLive
    var deadline: ContinuousClock.Instant?
    /// Those that have not rung, each once.
    var alarms: [ContinuousClock.Instant] = []
    var flight: Flight?
    var isReleasing = false
    var hasLate = false
    /// Until when the other's lease lasts, if it has one.
    var otherUntil: Int?
    var isDeletedByHand = false
  }

  static let tick = Duration.milliseconds(495)
  static let ticksToLive = 4
  /// More than this many alarms at a time mean that there is no end of them.
  private static let alarmLimit = 6
  private static let origin = ContinuousClock.now

  var rules = RenewalMachine.Rules(timeToLive: .seconds(2))
  var shell = Shell()
  let budget: Int

  init(faults budget: Int) {
    self.budget = budget
  }

  static func instant(_ tick: Int) -> ContinuousClock.Instant { self.origin + self.tick * tick }

  var start: State {
    var state = State(machine: RenewalMachine(rules: self.rules), faults: self.budget)
    for action in state.machine.handle(.granted(lease: 1, sentAt: Self.instant(0)), at: Self.instant(0)) {
      if case .wake(let instant) = action { state.alarms.append(instant) }
    }
    state.deadline = LeaseTime.deadline(sentAt: Self.instant(0), timeToLive: self.rules.timeToLive)
    return state
  }

  func steps(from state: State) -> [Step] {
    var steps: [Step] = [.tick]
    if let alarm = state.alarms.min(), alarm <= Self.instant(state.now) { steps.append(.look) }
    if let flight = state.flight { steps.append(flight.answer == nil ? .serve : .hear) }
    if state.deadline != nil, !state.isReleasing { steps.append(.release) }
    // What was sent before goes before.
    if state.isReleasing, state.flight == nil || state.flight?.answer != nil { steps.append(.serveRelease) }
    if state.owner == .none, state.otherUntil == nil { steps.append(.take) }
    if state.otherUntil != nil { steps.append(.giveBack) }
    if state.hasLate { steps.append(.arriveLate) }
    guard state.faults > 0 else { return steps }
    if let flight = state.flight { steps += flight.answer == nil ? [.loseRequest, .delay] : [.loseReply] }
    if state.owner == .holder { steps.append(.deleteByHand) }
    return steps
  }

  func isFault(_ step: Step, in state: State) -> Bool { step == .tick || self.costsFault(step) }

  private func costsFault(_ step: Step) -> Bool {
    switch step {
    case .loseRequest, .loseReply, .delay, .deleteByHand: true
    default: false
    }
  }

  func take(_ step: Step, in state: inout State) throws(BrokenPromise) {
    if self.costsFault(step) { state.faults -= 1 }
    switch step {
    case .tick:
      state.now += 1
      if state.owner != .none, state.expiry <= state.now { state.owner = .none }
    case .look:
      // However late, all that are due ring together.
      let due = state.alarms.filter { $0 <= Self.instant(state.now) }
      state.alarms.removeAll { $0 <= Self.instant(state.now) }
      for _ in due { try self.feed(.tick, &state) }
    case .serve:
      let answer = self.extend(&state)
      state.flight?.answer = answer
    case .hear: try self.heard(state.flight?.answer ?? .unknown, &state)
    case .loseRequest, .loseReply: try self.heard(.unknown, &state)
    case .delay:
      state.hasLate = true
      try self.heard(.unknown, &state)
    case .arriveLate:
      state.hasLate = false
      _ = self.extend(&state)
    case .release:
      state.isReleasing = true
      state.deadline = nil
      try self.feed(.ended(lease: 1), &state)
    case .serveRelease:
      state.isReleasing = false
      if state.owner == .holder { state.owner = .none }
    case .take:
      state.owner = .other
      state.expiry = state.now + Self.ticksToLive
      state.otherUntil = state.expiry
    case .giveBack:
      state.otherUntil = nil
      if state.owner == .other { state.owner = .none }
    case .deleteByHand:
      state.owner = .none
      state.isDeletedByHand = true
    }
  }

  /// The script.
  private func extend(_ state: inout State) -> ExtensionAnswer {
    guard state.owner == .holder || (state.owner == .none && !self.shell.extendsOnly) else { return .lost }
    state.owner = .holder
    state.expiry = state.now + Self.ticksToLive
    return .extended
  }

  private func heard(_ answer: ExtensionAnswer, _ state: inout State) throws(BrokenPromise) {
    guard let flight = state.flight else { return }
    state.flight = nil
    let sentAt = Self.instant(flight.sentAt)
    try self.feed(.answered(lease: 1, sentAt: sentAt, timeToLive: self.rules.timeToLive, answer), &state)
  }

  private func feed(_ event: RenewalEvent, _ state: inout State) throws(BrokenPromise) {
    for action in state.machine.handle(event, at: Self.instant(state.now)) {
      switch action {
      case .extend: state.flight = Flight(sentAt: state.now)
      case .advance(_, let deadline):
        if let old = state.deadline, old <= Self.instant(state.now) {
          throw BrokenPromise("a deadline that has passed is moved")
        }
        state.deadline = deadline
      case .lose, .expire:
        // A lease that was lost is released all the same.
        state.deadline = nil
        state.isReleasing = true
      case .wake(let instant): state.alarms.append(instant)
      }
    }
  }

  func check(_ state: State) throws(BrokenPromise) {
    guard state.alarms.count <= Self.alarmLimit else { throw BrokenPromise("there is no end of alarms") }
    if let wakeAt = state.machine.wakeAt, !state.alarms.contains(where: { $0 <= wakeAt }) {
      throw BrokenPromise("no alarm will ring when the machine wants to look again")
    }
    guard let deadline = state.deadline, Self.instant(state.now) < deadline else { return }
    guard let until = state.otherUntil, state.now < until, !state.isDeletedByHand else { return }
    throw BrokenPromise("the holder and somebody else hold the lock at once")
  }

  func isAtRest(_ state: State) -> Bool {
    state.owner == .none && state.deadline == nil && state.flight == nil && !state.isReleasing && !state.hasLate
  }

  // MARK: Words

  func digest(_ state: State, into digest: inout StateDigest) {
    func ticks(_ instant: ContinuousClock.Instant?) -> Int {
      guard let instant else { return -9 }
      var ticks = -5
      while ticks < 8, Self.instant(state.now + ticks) < instant { ticks += 1 }
      return ticks
    }
    digest.add(state.faults)
    digest.add(ticks(state.deadline))
    digest.add(ticks(state.machine.wakeAt))
    digest.add(state.alarms.count)
    for alarm in state.alarms.sorted() { digest.add(ticks(alarm)) }
    digest.add(state.machine.count)
    for entry in state.machine.entries.values {
      digest.add(ticks(entry.deadline))
      digest.add(ticks(entry.due))
      digest.add(entry.outstanding)
    }
    switch state.owner {
    case .none: digest.add(0)
    case .holder: digest.add(1)
    case .other: digest.add(2)
    }
    if state.owner != .none { digest.add(state.expiry - state.now) }
    digest.add(state.flight.map { max($0.sentAt - state.now, -6) } ?? 1)
    switch state.flight?.answer {
    case nil: digest.add(0)
    case .extended: digest.add(1)
    case .lost: digest.add(2)
    case .unknown: digest.add(3)
    }
    digest.add(state.isReleasing)
    digest.add(state.hasLate)
    digest.add(state.otherUntil.map { max($0 - state.now, 0) } ?? -1)
    digest.add(state.isDeletedByHand)
  }

  func describe(_ step: Step, in state: State) -> String {
    switch step {
    case .tick: "a quarter of the TTL passes"
    case .look: "the holder looks what is due"
    case .serve: "the server carries out the extension"
    case .hear: "the holder hears the answer: \(state.flight?.answer ?? .unknown)"
    case .release: "the holder releases the lock"
    case .serveRelease: "the server carries out the release"
    case .take: "somebody else takes the lock"
    case .giveBack: "the other releases the lock"
    case .loseRequest: "FAULT: the request for extension is lost"
    case .loseReply: "FAULT: the answer to the extension is lost"
    case .delay: "FAULT: the connection breaks, and the extension is still on its way"
    case .arriveLate: "late, on a connection long given up, the server carries out the extension"
    case .deleteByHand: "FAULT: somebody deletes the holder's key by hand"
    }
  }

  func describe(_ state: State) -> String { "the server has the holder's key, and nobody will delete it" }
}
