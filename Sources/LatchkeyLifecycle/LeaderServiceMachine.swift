/// What a ``LeaderService`` does next: a pure state machine.
///
/// Terms are numbered: one campaign, and the leadership that may come of it. The shell may report the loss of a leadership before
/// the election itself, since both come from different threads.
struct LeaderServiceMachine: Hashable, Sendable {
  /// What the promises rest on; a mutant is a changed rule.
  struct Rules: Hashable, Sendable {
    var afterReturn = LeaderService.AfterReturn.campaignAgain
    var afterError = LeaderService.AfterError.rethrow
    /// A loss that is heard before the election ends the term before its body has begun.
    var heedsEarlyLoss = true
    /// A loss that the backend reports to the resignation counts: nothing that the body did under it ends the service.
    var heedsLateLoss = true
    /// After a loss, the next campaign begins when the body has ended.
    var awaitsBody = true
    /// Who is elected after the shutdown resigns.
    var resignsLateElection = true
    /// A body that goes on after a graceful shutdown is cancelled when its grace is over.
    var cancelsAfterGrace = true
    /// After a term that gives no reason to stop, the service stands again.
    var standsAgain = true
  }

  enum Event: Hashable, Sendable {
    case begin
    case elected(Int)
    case campaignFailed(Int, isPassing: Bool)
    case lost(Int)
    case bodyEnded(Int, isFailure: Bool)
    /// The leadership has been resigned; it may turn out to have been lost before.
    case resigned(Int, isLost: Bool)
    case shutdown
    /// The task of `run()` was cancelled.
    case cancelled
    case graceOver(Int)
    case pauseOver(Int)
  }

  enum Action: Hashable, Sendable {
    case campaign(Int)
    /// Cancels the campaign; it still ends by an election or a failure.
    case withdraw(Int)
    case startBody(Int)
    case cancelBody(Int)
    case resign(Int)
    /// Reports when the body's grace is over.
    case startGrace(Int)
    /// The body goes on although it was cancelled a whole grace ago.
    case warn(Int)
    /// Reports when the pause before the next campaign is over.
    case pause(Int)
    case finish(Outcome)
  }

  enum Outcome: Hashable, Sendable {
    case returned
    case bodyFailed
    case campaignFailed
  }

  enum Phase: Hashable, Sendable {
    case idle
    case campaigning
    case leading
    /// The body has been asked to end, by a graceful shutdown, a loss or a cancellation.
    case steppingDown(isCancelled: Bool)
    case resigning
    case pausing
    case ended
  }

  private let rules: Rules
  private(set) var phase = Phase.idle
  private var term = 0
  private var isShutDown = false
  /// The leadership of this term was lost.
  private var isLost = false
  private var hasBodyFailed = false

  init(rules: Rules) {
    self.rules = rules
  }

  mutating func handle(_ event: Event) -> [Action] {
    switch event {
    case .begin: self.isShutDown ? self.finish(.returned) : self.campaign()
    case .elected(let term): term == self.term ? self.elected() : []
    case .campaignFailed(let term, let isPassing): term == self.term ? self.campaignFailed(isPassing) : []
    case .lost(let term): term == self.term ? self.lost() : []
    case .bodyEnded(let term, let isFailure): term == self.term ? self.bodyEnded(isFailure) : []
    case .resigned(let term, let isLost): term == self.term ? self.resigned(isLost) : []
    case .shutdown: self.shutDown(cancels: false)
    case .cancelled: self.shutDown(cancels: true)
    case .graceOver(let term): term == self.term ? self.graceOver() : []
    case .pauseOver(let term): term == self.term ? self.pauseOver() : []
    }
  }

  private mutating func campaign() -> [Action] {
    self.term += 1
    self.phase = .campaigning
    self.isLost = false
    self.hasBodyFailed = false
    return [.campaign(self.term)]
  }

  private mutating func elected() -> [Action] {
    guard self.phase == .campaigning else { return [] }
    if self.isShutDown, !self.rules.resignsLateElection { return self.finish(.returned) }
    guard !self.isShutDown, !self.isLost else {
      self.phase = .resigning
      return [.resign(self.term)]
    }
    self.phase = .leading
    return [.startBody(self.term)]
  }

  private mutating func campaignFailed(_ isPassing: Bool) -> [Action] {
    guard self.phase == .campaigning else { return [] }
    if self.isShutDown { return self.finish(.returned) }
    return isPassing ? self.pause() : self.finish(.campaignFailed)
  }

  private mutating func lost() -> [Action] {
    switch self.phase {
    case .campaigning:
      if self.rules.heedsEarlyLoss { self.isLost = true }
      return []
    case .leading, .steppingDown(isCancelled: false):
      self.isLost = true
      guard self.rules.awaitsBody else { return [.cancelBody(self.term), .resign(self.term)] + self.campaign() }
      // After a graceful shutdown its grace runs already.
      let isTimed = self.phase != .leading
      self.phase = .steppingDown(isCancelled: true)
      return isTimed ? [.cancelBody(self.term)] : [.cancelBody(self.term), .startGrace(self.term)]
    case .steppingDown(isCancelled: true):
      self.isLost = true
      return []
    case .idle, .resigning, .pausing, .ended:
      return []
    }
  }

  private mutating func bodyEnded(_ isFailure: Bool) -> [Action] {
    switch self.phase {
    case .leading, .steppingDown: break
    case .idle, .campaigning, .resigning, .pausing, .ended: return []
    }
    // A body that was cancelled fails for that reason, whatever it throws.
    self.hasBodyFailed = isFailure && self.phase != .steppingDown(isCancelled: true)
    self.phase = .resigning
    return [.resign(self.term)]
  }

  private mutating func resigned(_ isLost: Bool) -> [Action] {
    guard self.phase == .resigning else { return [] }
    if isLost, self.rules.heedsLateLoss {
      self.isLost = true
      // What it failed with may come of the loss.
      self.hasBodyFailed = false
    }
    if self.hasBodyFailed, self.rules.afterError == .rethrow { return self.finish(.bodyFailed) }
    if self.isShutDown { return self.finish(.returned) }
    if self.hasBodyFailed { return self.pause() }
    if !self.isLost, self.rules.afterReturn == .finish { return self.finish(.returned) }
    return self.rules.standsAgain ? self.campaign() : []
  }

  private mutating func shutDown(cancels: Bool) -> [Action] {
    let isFirst = !self.isShutDown
    self.isShutDown = true
    switch self.phase {
    case .campaigning:
      return isFirst ? [.withdraw(self.term)] : []
    case .leading:
      self.phase = .steppingDown(isCancelled: cancels)
      return cancels ? [.cancelBody(self.term), .startGrace(self.term)] : [.startGrace(self.term)]
    case .steppingDown(isCancelled: false) where cancels:
      self.phase = .steppingDown(isCancelled: true)
      return [.cancelBody(self.term)]
    case .pausing:
      return self.finish(.returned)
    case .idle, .steppingDown, .resigning, .ended:
      return []
    }
  }

  private mutating func graceOver() -> [Action] {
    switch self.phase {
    case .steppingDown(isCancelled: false):
      guard self.rules.cancelsAfterGrace else { return [] }
      self.phase = .steppingDown(isCancelled: true)
      return [.cancelBody(self.term), .startGrace(self.term)]
    case .steppingDown(isCancelled: true):
      return [.warn(self.term), .startGrace(self.term)]
    case .idle, .campaigning, .leading, .resigning, .pausing, .ended:
      return []
    }
  }

  private mutating func pause() -> [Action] {
    self.phase = .pausing
    return [.pause(self.term)]
  }

  private mutating func pauseOver() -> [Action] { self.phase == .pausing ? self.campaign() : [] }

  private mutating func finish(_ outcome: Outcome) -> [Action] {
    self.phase = .ended
    return [.finish(outcome)]
  }
}
