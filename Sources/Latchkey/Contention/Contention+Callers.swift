public import LatchkeyPrimitives

/// Places in the line of one contention.
extension Contention {
  @usableFromInline
  enum Entry {
    case joined(Line.ID)
    /// It has been swept, and another must be taken.
    case retired
    case refused(LockError)
  }

  /// Takes a place in the line.
  ///
  /// - Parameters:
  ///   - firstAnswer: Until when the servers must have answered anything at all; nil if that is as good as any time.
  ///   - keepAlive: The source of the backend's events.
  @inlinable
  @inline(never)
  func join(
    for want: Want,
    isTry: Bool,
    hasDeadline: Bool,
    firstAnswer: ContinuousClock.Instant?,
    keepAlive: Backend.Source
  ) -> Entry {
    let (entry, work, timer) = self.state.withLock { state -> (Entry, Work, ContinuousClock.Instant?) in
      if state.isRetired { return (.retired, Work(), nil) }
      if let refusal = state.refusal { return (.refused(refusal), Work(), nil) }
      state.keepAlive = keepAlive
      let id = state.callers.join(
        for: want,
        isTry: isTry,
        isNew: !state.machine.isFree,
        hasDeadline: hasDeadline,
        firstAnswer: firstAnswer
      )
      let work = self.run(&state) { $0.demandChanged($1) }
      guard state.callers.unanswered[id] != nil, !state.isAnswerTimerSet else { return (.joined(id), work, nil) }
      state.isAnswerTimerSet = true
      return (.joined(id), work, firstAnswer)
    }
    self.perform(work)
    if let timer { self.setAnswerTimer(timer) }
    return entry
  }

  @inlinable
  @inline(never)
  func suspend(_ id: Line.ID, _ continuation: CheckedContinuation<Answer, Never>) {
    let early = self.state.withLock { $0.callers.suspend(id, continuation) }
    if let early { continuation.resume(returning: early) }
  }

  @inlinable
  @inline(never)
  func cancel(_ id: Line.ID) {
    self.perform(self.state.withLock { state in self.leave(id, with: .cancelled, &state) })
  }

  @inlinable
  @inline(never)
  func timeOut(_ id: Line.ID, waited: Duration) {
    let work = self.state.withLock { state in
      self.leave(id, with: self.lateAnswer(to: id, state, waited: waited, isFirstAnswer: false), &state)
    }
    self.perform(work)
  }

  @inlinable
  func lateAnswer(to id: Line.ID, _ state: State, waited: Duration, isFirstAnswer: Bool) -> Answer {
    let mustExplain = isFirstAnswer || state.callers.isTry(id)
    // Another caller of this process holds it.
    let silence =
      !state.isHeldHere || mustExplain
      ? self.shell.silence(state.machine, state.local, waited: waited, mustExplain: mustExplain) : nil
    var wait = self.known(at: state.machine.standing, state)
    if let place = wait.place { wait.place = place + state.callers.countAhead(of: id) }
    return .timedOut(wait, silence)
  }

  @inlinable
  func leave(_ id: Line.ID, with answer: Answer, _ state: inout State) -> Work {
    let departure = state.callers.leave(id, with: answer)
    guard departure.isDelivered else { return Work() }
    var work = self.run(&state) { $0.demandChanged($1) }
    work.steps.insert(.answer(departure, answer), at: 0)
    return work
  }

  // MARK: The first answer

  /// One timer for all who wait: it costs nothing by the time that the next caller comes.
  @inlinable
  func setAnswerTimer(_ time: ContinuousClock.Instant) {
    _ = self.shell.setTimer(at: time) { [weak self] in self?.answerIsDue() }
  }

  @inlinable
  func answerIsDue() {
    let (works, next) = self.state.withLock { state -> ([Work], ContinuousClock.Instant?) in
      var works: [Work] = []
      let now = ContinuousClock.now
      for (id, time) in state.callers.unanswered where time <= now {
        let answer = self.lateAnswer(to: id, state, waited: .zero, isFirstAnswer: true)
        works.append(self.leave(id, with: answer, &state))
      }
      let next = state.callers.unanswered.values.min()
      state.isAnswerTimerSet = next != nil
      return (works, next)
    }
    for work in works { self.perform(work) }
    if let next { self.setAnswerTimer(next) }
  }
}
