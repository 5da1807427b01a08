internal import Latchkey
internal import LatchkeyNetwork
internal import LatchkeyPrimitives
internal import Logging

/// One grant, known by the number of the attempt that got it.
typealias RedisLease = TermLease<Contention<RedisLockBackend>>

/// How a lock is contended for at Redis servers: the requests of one ``RedisLockMachine``, its alarms, and its subscription.
final class RedisLockBackend: ContentionBackend {
  typealias Machine = RedisLockMachine
  /// How many times all locks are being released at present.
  typealias Shared = Int
  typealias Source = LockRuntime
  typealias Timer = TimerQueue.ID

  struct Local: Sendable {
    weak var contention: Contention<RedisLockBackend>?
    /// The present attempt; nil while nobody wants the lock.
    var attempt: (any LockAttempt)?
    /// Attempts whose release is not done: what they planted may still stand in our way.
    var departed: [UInt64: any LockAttempt] = [:]
    /// Attempts that have failed and take back by themselves what they planted.
    var failed: [UInt64: any LockAttempt] = [:]
    /// Called when there are none of either.
    var cleared: [@Sendable () -> Void] = []
    /// What the next grant rests on.
    var grant: LockGrant?
    /// Who holds the lock, by the last answer.
    var holder: [UInt8]?
    var askedAt: ContinuousClock.Instant?
    /// The alarms that are set, by the machine's numbers.
    var alarms: [UInt64: TimerQueue.ID] = [:]
    var listening: Listening?
    /// The number of the subscription: what belongs to an earlier one means nothing.
    var subscription: UInt64 = 0
  }

  enum Job: Sendable {
    case ask(any LockAttempt)
    case release(any LockAttempt)
    case rest(alarm: UInt64, Duration)
    case cancel(TimerQueue.ID)
    case subscribe(UInt64)
    case unsubscribe(Listening)
    case callCleared([@Sendable () -> Void])
  }

  /// A request that has been out for so long says something about the server, not about the lock.
  private static let silence = Duration.milliseconds(500)

  let name: LockName
  let runtime: LockRuntime
  let keys: LockKeys
  let lossOfClaim = "its key is gone or somebody else's: deleted by hand, evicted, or forgotten"

  init(name: LockName, _ runtime: LockRuntime) {
    self.name = name
    self.runtime = runtime
    self.keys = LockKeys(name, prefix: runtime.settings.prefix)
  }

  var backend: LockBackend { self.runtime.settings.backend }
  var logger: Logger { self.runtime.settings.logger }
  var ownDescription: String { self.runtime.ownDescription }
  var tryTimeout: Duration? { self.runtime.settings.tryTimeout }
  var firstAnswerTimeout: Duration? { nil }

  static func contention(for name: LockName, of runtime: LockRuntime, _ endings: Int) -> Contention<RedisLockBackend> {
    let contention = Contention(
      RedisLockBackend(name: name, runtime),
      machine: RedisLockMachine(rules: runtime.settings.pacing),
      local: Local()
    )
    contention.withLocal { _, local in local.contention = contention }
    if endings > 0 { contention.refuse(.ending(name)) }
    return contention
  }

  // MARK: Under the lock

  func context(_ local: Local) {}

  func terms(of attempt: UInt64, _ local: inout Local) -> ClaimTerms<ClaimLease> {
    guard let grant = local.grant, let attempt = local.attempt else {
      preconditionFailure("a grant without an attempt")
    }
    local.grant = nil
    local.holder = nil
    return ClaimTerms(
      token: grant.token,
      term: Term(deadline: grant.deadline),
      number: self.runtime.nextGrant()
    ) { [runtime, keys] lease in
      runtime.renewals.watch(lease, keys: keys, owner: attempt.owner, sentAt: grant.sentAt)
    }
  }

  func jobs(
    for requests: [RedisLockRequest],
    _ machine: RedisLockMachine,
    _ local: inout Local,
    hasDeadline: Bool
  ) -> [Job] {
    var jobs = requests.compactMap { self.job(for: $0, &local) }
    // A rest that was cut short would keep everything alive until its end, which may be hours away.
    for (alarm, id) in local.alarms where !machine.awaits(alarm) {
      local.alarms[alarm] = nil
      jobs.append(.cancel(id))
    }
    // An attempt knows its contention: kept on, they would keep each other for ever.
    if machine.phase == .idle { local.attempt = nil }
    let cleared = local.takeCleared(machine)
    if !cleared.isEmpty { jobs.append(.callCleared(cleared)) }
    return jobs
  }

  private func job(for request: RedisLockRequest, _ local: inout Local) -> Job? {
    switch request {
    case .ask(let number, let isNew):
      guard let contention = local.contention else { preconditionFailure("a contention that asks is alive") }
      let attempt = (isNew ? nil : local.attempt) ?? self.runtime.attempt(number, contention)
      local.attempt = attempt
      local.askedAt = .now
      return .ask(attempt)
    case .release(let number):
      guard let attempt = local.attempt, attempt.number == number else {
        preconditionFailure("a release of an attempt that is not the present one")
      }
      local.attempt = nil
      local.departed[number] = attempt
      return .release(attempt)
    case .rest(let alarm, let atLeast, let atMost):
      return .rest(alarm: alarm, atLeast + (atMost - atLeast) * Double.random(in: 0...1))
    case .subscribe:
      local.subscription += 1
      return .subscribe(local.subscription)
    case .unsubscribe:
      local.subscription += 1
      defer { local.listening = nil }
      return local.listening.map { .unsubscribe($0) }
    }
  }

  /// Not inlined: LLVM of Swift 6.3.1 does not compile the step of the engine that this is inlined into.
  @inline(never)
  func wait(at standing: Never?, _ local: Local) -> LockError.Wait {
    var wait = local.attempt?.wait ?? LockError.Wait()
    wait.holder = local.holder.map(OwnerIdentity.describe)
    return wait
  }

  func silence(
    _ machine: RedisLockMachine,
    _ local: Local,
    waited: Duration,
    mustExplain: Bool
  ) -> LockError? {
    if let outage = machine.outage { return outage.error }
    if mustExplain { return .silent(self.name) }
    guard machine.isAsking, let askedAt = local.askedAt else { return nil }
    return askedAt.duration(to: .now) > Self.silence ? .silent(self.name) : nil
  }

  func willRelease(_ lease: ClaimLease, _ local: inout Local) {
    local.attempt?.note(standsUntil: lease.term.deadline + LeaseTime.drift(self.runtime.settings.timeToLive))
  }

  func mayRetire(_ local: Local) -> Bool { local.departed.isEmpty && local.failed.isEmpty }

  // MARK: Outside the lock

  func checkName() throws(LockError) {
    if LockKeys.isReserved(self.name, prefix: self.runtime.settings.prefix) { throw .reserved(self.name) }
  }

  /// Requests wait for their connection by themselves.
  func awaitConnection(
    from start: ContinuousClock.Instant,
    within budget: Duration?,
    isTry: Bool
  ) async throws(LockError) -> ContinuousClock.Instant { start }

  func unreachable(_ silence: LockError?, waited: Duration) -> LockError? { silence }

  func perform(_ jobs: [Job], for contention: Contention<RedisLockBackend>) {
    for job in jobs {
      switch job {
      case .ask(let attempt): attempt.ask()
      case .release(let attempt): attempt.release()
      case .rest(let alarm, let delay): contention.rest(alarm, delay)
      case .cancel(let id): self.runtime.clock.cancel(id)
      case .subscribe(let number): contention.subscribe(number)
      case .unsubscribe(let listening): listening.end()
      case .callCleared(let handlers): for handler in handlers { handler() }
      }
    }
  }

  func extend(_ lease: ClaimLease, of contention: Contention<RedisLockBackend>) async throws(LockError) {
    let outcome = await self.runtime.renewals.extend(lease)
    switch outcome.answer {
    // If it was lost, the lease knows by now.
    case .extended, .lost: return
    case .unknown where Task.isCancelled: throw .cancelled(self.name)
    case .unknown:
      var error = LockError(
        .unreachable,
        name: self.name,
        message: "the lease could not be extended because too few servers answered; it stands until its deadline",
        underlying: outcome.error
      )
      if let refusal = outcome.error, refusal.isRefusal {
        error.code = LockError(self.name, refusal).code
        error.message = "the lease could not be extended; it stands until its deadline"
      }
      throw error
    }
  }

  func forget(_ lease: ClaimLease) { self.runtime.renewals.forget(lease) }

  /// A lease was lost. Its key is released all the same: an extension may have got through whose reply has not.
  func termEnded(_ lease: ClaimLease, of contention: Contention<RedisLockBackend>) { contention.giveBack(lease) }

  func setTimer(at time: ContinuousClock.Instant, _ body: @escaping @Sendable () -> Void) -> TimerQueue.ID {
    self.runtime.clock.set(at: time, body)
  }

  func cancel(_ timer: TimerQueue.ID) { self.runtime.clock.cancel(timer) }
}

extension RedisLockBackend.Local {
  /// Whether nothing that was given up or given back can be at a server any more, or get there yet.
  func isClear(_ machine: RedisLockMachine) -> Bool {
    self.departed.isEmpty && self.failed.isEmpty && !machine.isAsking
  }

  /// The handlers to call now, if it is clear.
  mutating func takeCleared(_ machine: RedisLockMachine) -> [@Sendable () -> Void] {
    guard self.isClear(machine) else { return [] }
    defer { self.cleared = [] }
    return self.cleared
  }
}
