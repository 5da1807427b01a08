import Latchkey

/// The budget of one acquire, and how it ends.
struct SimulatedWait: Sendable {
  private let start = ContinuousClock.now
  private let timeout: Duration?
  private let mutation: Mutation?
  /// Whether this call does not hear that its task is cancelled.
  let isDeaf: Bool
  private var deadline: ContinuousClock.Instant?
  private var ahead = 0

  init(_ timeout: Duration?, _ mutation: Mutation?) {
    self.timeout = timeout
    self.mutation = mutation
    self.isDeaf = mutation == .ignoresCancellation || (mutation == .ignoresEarlyCancellation && Task.isCancelled)
    guard let timeout else { return }
    let budget: Duration =
      switch mutation {
      case .zeroWaits where timeout == .zero: .seconds(2)
      case .budgetEndsEarly: timeout / 2
      case .longBudgetIsNone where timeout > .seconds(86_400): .zero
      default: timeout
      }
    self.deadline = mutation == .budgetNeverEnds ? nil : self.start.advanced(by: budget)
  }

  var isCancelled: Bool { !self.isDeaf && Task.isCancelled }

  var remaining: Duration? { self.deadline.map { max(.zero, ContinuousClock.now.duration(to: $0)) } }

  mutating func noteAhead(_ count: Int) {
    if self.mutation == .budgetPerStep, count != self.ahead, let timeout = self.timeout {
      self.deadline = .now.advanced(by: timeout)
    }
    self.ahead = count
  }

  /// The error that the wait ends with now, if it does.
  ///
  /// - Parameter isTaken: Whether somebody is known to hold the lock.
  func end(_ name: LockName, isTaken: Bool) -> LockError? {
    if self.isCancelled {
      return self.mutation == .cancellationIsBackendFailure
        ? LockError(.backendFailure, name: name, message: "the wait was interrupted") : .cancelled(name)
    }
    guard let deadline = self.deadline, deadline <= .now else { return nil }
    return self.timedOut(name, isTaken: isTaken)
  }

  /// The error of a wait in the client's own line, as that of the whole call.
  func translate(_ error: LockError, isTaken: Bool) -> LockError {
    guard let name = error.name else { return error }
    switch error.code {
    case .timedOut: return self.timedOut(name, isTaken: isTaken, place: error.wait?.place)
    default: return self.end(name, isTaken: isTaken) ?? error
    }
  }

  /// - Parameter place: The place in the client's own line, for those who come no further.
  private func timedOut(_ name: LockName, isTaken: Bool, place: Int? = nil) -> LockError {
    guard isTaken || self.mutation == .silenceIsTimedOut else {
      return LockError(.unreachable, name: name, message: "the simulated server does not answer")
    }
    guard self.mutation != .timedOutSaysNothing else { return LockError(.timedOut, message: "timed out") }
    // All clients live in this process.
    let holder = self.mutation == .timedOutHidesHolder ? nil : ContenderDescription.thisProcess(label: nil)
    let waited = self.start.duration(to: .now)
    return .timedOut(name, LockError.Wait(holder: holder, place: place ?? self.ahead, waited: waited))
  }
}
