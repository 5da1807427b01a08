@testable import LatchkeyRedis

/// One random schedule of one client's turns against a model of the server: a key with an owner, requests in flight.
struct TurnPlay {
  private enum Request {
    case ask(UInt64)
    case release(UInt64)
  }

  private let repeatsOwner: Bool
  private var machine: TurnMachine
  private var holder: UInt64?
  private var isForeign = false
  private var inFlight: [Request] = []
  private var alarms: [UInt64] = []
  private var granted: UInt64?
  private var patient = 0
  private var impatient = 0
  private var isSubscribing = false
  private var departing: Set<UInt64> = []
  private var problem: String?

  init(repeatsOwner: Bool) {
    self.repeatsOwner = repeatsOwner
    var rules = TurnMachine.Rules()
    rules.repeatsOwner = repeatsOwner
    rules.handOverLimit = 3
    self.machine = TurnMachine(rules: rules)
  }

  /// - Returns: What went wrong; nil if nothing did.
  func run(_ random: inout SplitMix) -> String? {
    var play = self
    for _ in 0..<80 where play.problem == nil { play.step(&random, mayDisturb: true) }
    // Then nobody else interferes, and whoever waits must be served.
    play.isForeign = false
    for _ in 0..<600 where play.problem == nil {
      if play.isQuiet { break }
      play.step(&random, mayDisturb: false)
    }
    if let problem = play.problem { return problem }
    if play.patient + play.impatient > 0 { return "\(play.patient + play.impatient) callers are never served" }
    if let holder = play.holder { return "attempt \(holder) still stands at the server" }
    return nil
  }

  private var isQuiet: Bool {
    self.patient + self.impatient == 0 && self.inFlight.isEmpty && self.granted == nil && self.holder == nil
  }

  private mutating func step(_ random: inout SplitMix, mayDisturb: Bool) {
    switch Int.random(in: 0..<12, using: &random) {
    case 0 where mayDisturb: self.join(patient: true)
    case 1 where mayDisturb: self.join(patient: false)
    case 2 where mayDisturb && self.patient > 0:
      self.patient -= 1
      self.perform(self.machine.handle(.left(patient: true)))
    case 3 where mayDisturb && self.impatient > 0:
      self.impatient -= 1
      self.perform(self.machine.handle(.left(patient: false)))
    case 4 where mayDisturb:
      if self.holder == nil { self.isForeign.toggle() }
      if !self.isForeign, Bool.random(using: &random) { self.perform(self.machine.handle(.woken)) }
    case 5 where self.isSubscribing:
      self.isSubscribing = false
      self.perform(self.machine.handle(Bool.random(using: &random) ? .subscribed : .unsubscribed))
    case 6 where self.granted != nil:
      if let granted = self.granted {
        self.granted = nil
        self.perform(self.machine.handle(.ended(attempt: granted)))
      }
    case 7, 8:
      guard !self.alarms.isEmpty else { return }
      self.perform(self.machine.handle(.alarm(self.alarms.removeFirst())))
    default:
      guard !self.inFlight.isEmpty else { return }
      let isLost = mayDisturb && Int.random(in: 0..<5, using: &random) == 0
      self.carryOut(self.inFlight.removeFirst(), isLost: isLost)
    }
  }

  private mutating func join(patient: Bool) {
    if patient { self.patient += 1 } else { self.impatient += 1 }
    self.perform(self.machine.handle(.joined(patient: patient)))
  }

  private mutating func carryOut(_ request: Request, isLost: Bool) {
    switch request {
    case .ask(let attempt):
      var answer = TurnAnswer.busy(remaining: nil)
      if !self.isForeign, self.holder == nil || self.holder == attempt {
        self.holder = attempt
        answer = .granted
      } else if let holder = self.holder, self.departing.contains(holder) {
        answer = .busyWithOwn
      }
      if isLost {
        answer = .unreachable(error: 1)
        // A quorum's ballot releases by itself what it planted in vain.
        if !self.repeatsOwner, self.holder == attempt { self.holder = nil }
      }
      self.perform(self.machine.handle(.answered(attempt: attempt, answer)))
    case .release(let attempt):
      if self.holder == attempt { self.holder = nil }
      self.departing.remove(attempt)
      self.perform(self.machine.handle(.releaseSettled(attempt: attempt, told: isLost ? 0 : 1)))
    }
  }

  private mutating func perform(_ actions: [TurnAction]) {
    for action in actions {
      switch action {
      case .ask(let attempt, _): self.inFlight.append(.ask(attempt))
      case .grant(let attempt):
        if self.holder != attempt { self.problem = "a grant that the server does not know of" }
        if self.granted != nil { self.problem = "two grants at once" }
        self.granted = attempt
        // The head of the line; which kind it is does not matter to the server.
        let isPatient = self.patient > 0
        if isPatient { self.patient -= 1 } else { self.impatient -= 1 }
        self.perform(self.machine.served(patient: isPatient))
      case .release(let attempt):
        self.departing.insert(attempt)
        self.inFlight.append(.release(attempt))
      case .rest(let alarm, _, _): self.alarms.append(alarm)
      case .subscribe: self.isSubscribing = true
      case .unsubscribe: self.isSubscribing = false
      case .answerImpatient, .failImpatient: self.impatient = 0
      case .fail: (self.patient, self.impatient) = (0, 0)
      }
    }
  }
}
