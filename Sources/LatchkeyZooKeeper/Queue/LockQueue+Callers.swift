internal import Latchkey
internal import LatchkeyPrimitives
internal import ZooKeeper

/// Those who stand in the local line.
extension LockQueue {
  /// What a try finds in this process.
  enum LocalState: Sendable {
    /// Nobody here holds the lock or is on the way to it.
    case free
    /// Somebody here is on the way, and the servers have not answered yet, or have answered only tries.
    case unanswered
    /// Somebody here holds the lock, or waits in the queue.
    case taken(LockError.Wait)
  }

  /// Nil if the queue has been swept.
  var localState: LocalState? {
    self.state.withLock { state in
      if state.isRetired { return nil }
      if state.machine.isFreeLocally { return .free }
      guard state.machine.isTaken else { return .unanswered }
      return .taken(state.known(of: state.machine.place, own: self.ownDescription))
    }
  }

  /// Takes a place in the local line; nil if the queue has been swept and another must be taken.
  ///
  /// - Parameter firstAnswer: Until when the servers must have answered anything at all; nil if that is as good as any time.
  func join(
    for locks: ZooKeeperLocks,
    isPatient: Bool,
    hasDeadline: Bool,
    firstAnswer: ContinuousClock.Instant?
  ) -> Line.ID? {
    let (id, steps, timer) = self.state.withLock { state -> (Line.ID?, [Step], ContinuousClock.Instant?) in
      guard !state.isRetired else { return (nil, [], nil) }
      state.anchor = locks
      let id = state.line.join()
      if !isPatient {
        state.impatient.insert(id)
        if !state.machine.isFreeLocally { state.newcomers.insert(id) }
      }
      if hasDeadline { state.timed.insert(id) }
      if let firstAnswer { state.unanswered[id] = firstAnswer }
      let steps = self.apply(.joined(patient: isPatient), &state)
      guard state.unanswered[id] != nil, !state.isAnswerTimerSet else { return (id, steps, nil) }
      state.isAnswerTimerSet = true
      return (id, steps, firstAnswer)
    }
    self.perform(steps)
    if let timer { self.setAnswerTimer(timer) }
    return id
  }

  func suspend(_ id: Line.ID, _ continuation: Line.Continuation) {
    let early = self.state.withLock { $0.line.suspend(id, continuation) }
    if let early { continuation.resume(returning: early) }
  }

  func leave(_ id: Line.ID, timedOut: Bool) {
    let steps = self.state.withLock { state -> [Step] in
      self.leave(id, with: timedOut ? self.answer(afterTime: id, state) : .cancelled, &state)
    }
    self.perform(steps)
  }

  private func leave(_ id: Line.ID, with answer: Answer, _ state: inout State) -> [Step] {
    let departure = state.line.leave(id, with: answer)
    guard departure.isDelivered else { return [] }
    state.timed.remove(id)
    state.unanswered[id] = nil
    let isPatient = state.impatient.remove(id) == nil
    let isNewcomer = state.newcomers.remove(id) != nil
    return [.answer(departure, answer)] + self.apply(.left(patient: isPatient, isNewcomer: isNewcomer), &state)
  }

  /// The answer to a caller whose time is over: `timedOut` only if another holder is known.
  private func answer(afterTime id: Line.ID, _ state: State) -> Answer {
    guard state.lease != nil || state.sawSomebodyAhead else {
      return .unanswered(state.machine.awaitsProof ? .proof : .servers)
    }
    var wait = state.known(of: state.machine.place, own: self.ownDescription)
    if let place = wait.place { wait.place = place + state.line.countAhead(of: id) }
    return .timedOut(wait)
  }

  // MARK: The first answer

  /// One timer for all who wait: it costs nothing by the time that the next caller comes.
  private func setAnswerTimer(_ time: ContinuousClock.Instant) {
    Task.detached { [weak self] in
      // Never cancelled: nobody holds the task.
      try? await Task.sleep(until: time, clock: .continuous)
      self?.answerIsDue()
    }
  }

  private func answerIsDue() {
    let (steps, next) = self.state.withLock { state -> ([Step], ContinuousClock.Instant?) in
      var steps: [Step] = []
      let now = ContinuousClock.now
      for (id, time) in state.unanswered where time <= now {
        steps += self.leave(id, with: .unanswered(.servers), &state)
      }
      let next = state.unanswered.values.min()
      state.isAnswerTimerSet = next != nil
      return (steps, next)
    }
    self.perform(steps)
    if let next { self.setAnswerTimer(next) }
  }
}
