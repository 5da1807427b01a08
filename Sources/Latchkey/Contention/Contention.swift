public import LatchkeyPrimitives
public import Logging

/// One process as a contender for one lock: the callers in line, the machine that decides, the leases that were granted.
///
/// Events come from callers and, for answers, from whichever threads bring them. Each is handled under one lock. What it asks for is
/// done after the lock: first what callers are answered, then what the backend is asked for.
@usableFromInline
package final class Contention<Backend: ContentionBackend>: TermLeaseOwner, Sweepable {
  @usableFromInline
  package typealias Machine = Backend.Machine
  @usableFromInline
  package typealias Node = Machine.Claim
  @usableFromInline
  package typealias ClaimLease = TermLease<Contention<Backend>>
  @usableFromInline
  typealias Line = CallerLine<Answer>

  @usableFromInline
  enum Answer: Sendable {
    case granted(ClaimLease)
    case busy(LockError.Wait)
    /// Time ran out; nil if another holder is known.
    case timedOut(LockError.Wait, Backend.Silence?)
    case cancelled
    case failed(LockError)
  }

  @usableFromInline
  struct State: Sendable {
    @usableFromInline
    var machine: Machine
    @usableFromInline
    var local: Backend.Local
    @usableFromInline
    var callers = Line()
    /// The leases of each claim: one, or those of all who share it.
    @usableFromInline
    var leases: [Machine.Claim: [ClaimLease]] = [:]
    @usableFromInline
    var releases: [Machine.Claim: CheckedContinuation<ReleaseOutcome, Never>] = [:]
    /// Callers that wait for a claim to be exchanged.
    @usableFromInline
    var conversions: [Machine.Claim: PendingConversion] = [:]
    @usableFromInline
    var isAnswerTimerSet = false
    /// Whether a step leaves callers to be served that it says nothing about: tries that want something else than those which were
    /// answered, or all behind one that got permits.
    @usableFromInline
    var asksAgain = false
    /// Keeps the source of the backend's events alive while there is anything to do.
    @usableFromInline
    var keepAlive: Backend.Source?
    /// Fails callers that join while it is set.
    @usableFromInline
    var refusal: LockError?
    @usableFromInline
    var isRetired = false

    /// Whether callers wait for other callers of this process.
    @inlinable
    var isHeldHere: Bool { !self.leases.isEmpty && !self.callers.wantsPermits }

    @inlinable
    init(machine: Machine, local: Backend.Local) {
      self.machine = machine
      self.local = local
    }

    /// Takes a lease from its claim.
    ///
    /// - Returns: Whether the claim has no lease any more; nil if the lease has been given back before.
    @inlinable
    mutating func remove(_ lease: ClaimLease) -> Bool? {
      guard let place = self.leases[lease.node]?.firstIndex(where: { $0 === lease }) else { return nil }
      self.leases[lease.node]?.remove(at: place)
      guard self.leases[lease.node]?.isEmpty == true else { return false }
      self.leases[lease.node] = nil
      return true
    }
  }

  /// What is left to do after the lock.
  @usableFromInline
  struct Work: Sendable {
    @usableFromInline
    var steps: [Step] = []
    @usableFromInline
    var jobs: [Backend.Job] = []

    @inlinable
    init(steps: [Step] = [], jobs: [Backend.Job] = []) {
      self.steps = steps
      self.jobs = jobs
    }

    @inlinable
    static func + (first: Work, second: Work) -> Work {
      Work(steps: first.steps + second.steps, jobs: first.jobs + second.jobs)
    }
  }

  @usableFromInline
  enum Step: Sendable {
    case answer(Line.Line.Departure, Answer)
    case begin(ClaimLease, (@Sendable (ClaimLease) -> Void)?)
    case lose(ClaimLease)
    /// The lease of a claim that was exchanged has ended.
    case end(ClaimLease)
    case settleConversion(PendingConversion, Result<ClaimLease?, LockError>)
    case settle(CheckedContinuation<ReleaseOutcome, Never>, ReleaseOutcome)
  }

  @usableFromInline
  package let shell: Backend
  @usableFromInline
  let state: Locked<State>

  @inlinable
  package init(_ shell: Backend, machine: Machine, local: Backend.Local) {
    self.shell = shell
    self.state = Locked(State(machine: machine, local: local))
  }

  @inlinable
  package var name: LockName { self.shell.name }
  @inlinable
  package var backend: LockBackend { self.shell.backend }
  @inlinable
  package var logger: Logger { self.shell.logger }

  // MARK: For the backend

  @inlinable
  @inline(never)
  package func handle(_ event: Machine.Event) {
    self.perform(self.state.withLock { state in self.run(&state) { $0.handle(event, $1) } })
  }

  /// Handles the event that a look at the state gives, if it gives one.
  @inlinable
  @inline(never)
  package func handle(_ event: (Machine, inout Backend.Local) -> Machine.Event?) {
    let work = self.state.withLock { state -> Work in
      guard let event = event(state.machine, &state.local) else { return Work() }
      return self.run(&state) { $0.handle(event, $1) }
    }
    self.perform(work)
  }

  /// Handles the answer to a request that frees a claim.
  ///
  /// - Parameter outcome: What the answer means for a caller that still waits for its first one; nil to let the machine say.
  @inlinable
  @inline(never)
  package func handle(_ event: Machine.Event, settling claim: Machine.Claim, as outcome: ReleaseOutcome?) {
    let work = self.state.withLock { state -> Work in
      let continuation = outcome == nil ? nil : state.releases.removeValue(forKey: claim)
      var work = self.run(&state) { $0.handle(event, $1) }
      if let continuation, let outcome { work.steps.append(.settle(continuation, outcome)) }
      return work
    }
    self.perform(work)
  }

  /// Looks at the machine, and at what the backend keeps, or changes that.
  @inlinable
  @inline(never)
  package func withLocal<R>(_ body: (Machine, inout Backend.Local) -> R) -> R {
    self.state.withLock { body($0.machine, &$0.local) }
  }

  /// Whether a lease of a claim is held.
  @inlinable
  @inline(never)
  package func holds(_ claim: Machine.Claim) -> Bool { self.state.withLock { $0.leases[claim] != nil } }

  @inlinable
  @inline(never)
  package var leases: [ClaimLease] { self.state.withLock { $0.leases.values.flatMap { $0 } } }

  /// What callers would be told of the present holder.
  @inlinable
  @inline(never)
  package var knownWait: LockError.Wait { self.state.withLock { self.known(at: $0.machine.standing, $0) } }

  /// Fails all callers in line, and those that join from now on; nil lets callers join again.
  @inlinable
  @inline(never)
  package func refuse(_ refusal: LockError?) {
    let work = self.state.withLock { state -> Work in
      state.refusal = refusal
      guard let refusal else { return Work() }
      let steps = self.failAll(refusal, &state)
      var work = self.run(&state) { $0.demandChanged($1) }
      work.steps = steps + work.steps
      return work
    }
    self.perform(work)
  }

  @inlinable
  @inline(never)
  package func retireIfIdle() -> Bool {
    self.state.withLock { state in
      guard
        state.machine.isIdle, state.callers.isEmpty, state.leases.isEmpty, self.shell.mayRetire(state.local)
      else { return false }
      state.isRetired = true
      return true
    }
  }

  // MARK: Steps

  /// Takes a step of the machine and does, still under the lock, what concerns callers and leases.
  @inlinable
  @inline(never)
  func run(
    _ state: inout State,
    _ step: (inout Machine, Machine.Context) -> [ContentionAction<Machine>]
  ) -> Work {
    let demand = state.callers.demand
    state.machine.demand = demand
    state.asksAgain = false
    var work = Work()
    var requests: [Machine.Request] = []
    for action in step(&state.machine, self.shell.context(state.local)) {
      self.resolve(action, &state, &work.steps, &requests)
    }
    if state.machine.isAnswered { state.callers.answered() }
    work.jobs = self.shell.jobs(
      for: requests,
      state.machine,
      &state.local,
      hasDeadline: state.callers.hasDeadline
    )
    state.machine.demand = state.callers.demand
    if state.leases.isEmpty, state.machine.isIdle { state.keepAlive = nil }
    // Those who were answered have left the head of the line to callers that want something else.
    let hasOtherHead = state.machine.demand.want != demand.want || state.asksAgain
    guard state.machine.demand.isAny, hasOtherHead else { return work }
    return work + self.run(&state) { $0.demandChanged($1) }
  }

  @inlinable
  func resolve(
    _ action: ContentionAction<Machine>,
    _ state: inout State,
    _ steps: inout [Step],
    _ requests: inout [Machine.Request]
  ) {
    switch action {
    case .send(let request):
      if Machine.isQuestion(request) { state.callers.asked() }
      requests.append(request)
    case .grant(let claim): self.grant(claim, &state, &steps)
    case .lose(let claim):
      for lease in state.leases.removeValue(forKey: claim) ?? [] { steps.append(.lose(lease)) }
    case .converted(let old, let new): self.convert(old, into: new, &state, &steps)
    case .unconverted(let claim, let failure):
      guard let pending = state.conversions.removeValue(forKey: claim) else { return }
      let outcome: Result<ClaimLease?, LockError> = if let failure { .failure(failure.error) } else { .success(nil) }
      steps.append(.settleConversion(pending, outcome))
    case .turnAway(let standing): self.turnAway(at: standing, sparingNew: false, &state, &steps)
    case .turnAwayEarlier(let standing): self.turnAway(at: standing, sparingNew: true, &state, &steps)
    case .failTries(let failure):
      for id in state.callers.allTries { self.answer(id, .failed(failure.error), &state, &steps) }
    case .fail(let failure): steps += self.failAll(failure.error, &state)
    case .releaseSettled(let claim, let isConfirmed):
      guard let continuation = state.releases.removeValue(forKey: claim) else { return }
      steps.append(.settle(continuation, .success(isConfirmed ? nil : Self.unconfirmed)))
    }
  }

  @inlinable
  func grant(_ claim: Machine.Claim, _ state: inout State, _ steps: inout [Step]) {
    let served = state.callers.served
    let isForPermits = state.callers.wantsPermits
    precondition(!served.isEmpty, "a grant without a caller in line")
    let terms = self.shell.terms(of: claim, &state.local)
    for id in served {
      let lease = self.makeLease(of: claim, terms, &state, &steps)
      self.answer(id, .granted(lease), &state, &steps)
    }
    guard !isForPermits else {
      // There may be permits left.
      state.asksAgain = true
      return
    }
    // Another caller of this process holds the lock now.
    self.turnAway(at: nil, sparingNew: false, &state, &steps)
  }

  @inlinable
  func makeLease(
    of claim: Machine.Claim,
    _ terms: ClaimTerms<ClaimLease>,
    _ state: inout State,
    _ steps: inout [Step]
  ) -> ClaimLease {
    let lease = ClaimLease(
      owner: self,
      node: claim,
      grant: terms.number,
      token: terms.token,
      term: terms.term
    )
    state.leases[claim, default: []].append(lease)
    steps.append(.begin(lease, terms.begin))
    return lease
  }

  @inlinable
  func turnAway(
    at standing: Machine.Standing?,
    sparingNew: Bool,
    _ state: inout State,
    _ steps: inout [Step]
  ) {
    let tries = state.callers.tries(sparingNew: sparingNew)
    if state.callers.sparesTries { state.asksAgain = true }
    guard !tries.isEmpty else { return }
    let known = self.known(at: standing, state)
    for id in tries {
      var wait = known
      // Another caller of this process holds it: who is in line before this one comes before it.
      if state.isHeldHere, let place = wait.place { wait.place = place + state.callers.countAhead(of: id) }
      self.answer(id, .busy(wait), &state, &steps)
    }
  }

  @inlinable
  func answer(_ id: Line.ID, _ answer: Answer, _ state: inout State, _ steps: inout [Step]) {
    steps.append(.answer(state.callers.leave(id, with: answer), answer))
  }

  @inlinable
  func failAll(_ error: LockError, _ state: inout State) -> [Step] {
    let answer = Answer.failed(error)
    return state.callers.leaveAll(with: answer).map { .answer(.resume($0), answer) }
  }

  /// What is known of the lock's holder, and of our place.
  @inlinable
  func known(at standing: Machine.Standing?, _ state: State) -> LockError.Wait {
    // Another caller of this process holds it.
    guard !state.isHeldHere else { return LockError.Wait(holder: self.shell.ownDescription, place: 1) }
    return self.shell.wait(at: standing, state.local)
  }

  @inlinable
  @inline(never)
  func perform(_ work: Work) {
    for step in work.steps {
      switch step {
      case .answer(let departure, let answer): departure.resume(with: answer)
      case .begin(let lease, let begin):
        begin?(lease)
        lease.watchTerm()
        // A caller that was answered before it suspended may have released the lease before it was watched.
        if !lease.isHeld(lease.grant) { self.shell.forget(lease) }
      case .lose(let lease): lease.lose(because: self.shell.lossOfClaim)
      case .end(let lease): lease.end()
      case .settleConversion(let pending, let outcome): pending.resolve(outcome)
      case .settle(let continuation, let outcome): continuation.resume(returning: outcome)
      }
    }
    if !work.jobs.isEmpty { self.shell.perform(work.jobs, for: self) }
  }

  // MARK: TermLeaseOwner

  @inlinable
  package func permits(of claim: Machine.Claim) -> Int { self.shell.permits(of: claim) }

  /// A release that continues in the background.
  @inlinable
  static var unconfirmed: PendingRelease { PendingRelease(reason: "the servers have not confirmed it") }

  /// Frees the claim. Returns when that is done, or when nobody can say when it will be: the servers do not answer, or the lease's
  /// term has ended.
  @inlinable
  package func release(_ lease: ClaimLease) async throws(LockError) -> PendingRelease? {
    self.shell.forget(lease)
    var handler: UInt64?
    let outcome: ReleaseOutcome = await withCheckedContinuation { continuation in
      handler = self.shell.beginRelease(of: lease, by: self, resuming: continuation)
    }
    if let handler { lease.term.removeHandler(handler) }
    return try outcome.get()
  }

  /// Begins a release.
  ///
  /// - Returns: The handler that settles it when the lease's term ends before the backend has answered.
  @inlinable
  @inline(never)
  func release(
    _ lease: ClaimLease,
    resuming continuation: CheckedContinuation<ReleaseOutcome, Never>
  ) -> UInt64? {
    let work = self.state.withLock { state -> Work in
      // If others share the claim, it goes with the last of them.
      guard state.remove(lease) == true else { return Work(steps: [.settle(continuation, .success(nil))]) }
      state.releases[lease.node] = continuation
      return self.giveBackClaim(of: lease, &state)
    }
    self.perform(work)
    return lease.term.onEnd { _ in self.settleRelease(of: lease.node) }
  }

  @inlinable
  func settleRelease(of claim: Machine.Claim) {
    let continuation = self.state.withLock { $0.releases.removeValue(forKey: claim) }
    continuation?.resume(returning: .success(Self.unconfirmed))
  }

  @inlinable
  package func releaseInBackground(_ lease: ClaimLease) { self.shell.giveBack(lease, by: self) }

  /// - Returns: False if the lease has been given back before.
  @discardableResult
  @inlinable
  @inline(never)
  package func giveBack(_ lease: ClaimLease) -> Bool {
    self.shell.forget(lease)
    let work = self.state.withLock { state -> Work? in
      state.remove(lease).map { isLast in isLast ? self.giveBackClaim(of: lease, &state) : Work() }
    }
    if let work { self.perform(work) }
    return work != nil
  }

  @inlinable
  func giveBackClaim(of lease: ClaimLease, _ state: inout State) -> Work {
    self.shell.willRelease(lease, &state.local)
    return self.run(&state) { $0.released(lease.node, $1) }
  }

  @inlinable
  package func extend(_ lease: ClaimLease) async throws(LockError) { try await self.shell.extend(lease, of: self) }

  @inlinable
  package func termEnded(_ lease: ClaimLease) { self.shell.termEnded(lease, of: self) }
}
