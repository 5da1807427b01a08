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
  typealias Source = LockServers
  typealias Timer = TimerQueue.ID

  struct Local: Sendable {
    weak var contention: Contention<RedisLockBackend>?
    /// The ballot of the present attempt; nil while nobody wants the lock.
    var ballot: Ballot?
    /// Ballots whose release is not done: what they planted may still stand in our way.
    var departed: [UInt64: Ballot] = [:]
    /// Ballots of a quorum that have failed and take back by themselves what they planted.
    var failed: [UInt64: Ballot] = [:]
    /// Called when there are none of either.
    var cleared: [@Sendable () -> Void] = []
    /// What the next grant rests on.
    var grant: Ballot.Grant?
    var holders: [[UInt8]] = []
    var askedAt: ContinuousClock.Instant?
    /// The alarms that are set, by the machine's numbers.
    var alarms: [UInt64: TimerQueue.ID] = [:]
    var listening: Listening?
    /// The number of the subscription: what belongs to an earlier one means nothing.
    var subscription: UInt64 = 0
  }

  enum Job: Sendable {
    case ask(Ballot)
    case release(Ballot)
    case rest(alarm: UInt64, Duration)
    case cancel(TimerQueue.ID)
    case subscribe(UInt64)
    case unsubscribe(Listening)
    case callCleared([@Sendable () -> Void])
  }

  /// A request that has been out for so long says something about the server, not about the lock.
  private static let silence = Duration.milliseconds(500)

  let name: LockName
  let servers: LockServers
  let keys: LockKeys
  let lossOfClaim = "its key is gone or somebody else's: deleted by hand, evicted, or forgotten"

  init(name: LockName, servers: LockServers) {
    self.name = name
    self.servers = servers
    self.keys = LockKeys(name, prefix: servers.settings.prefix)
  }

  var backend: LockBackend { self.servers.settings.backend }
  var logger: Logger { self.servers.settings.logger }
  var ownDescription: String { self.servers.ownDescription }
  var tryTimeout: Duration? { self.servers.settings.tryTimeout }
  var firstAnswerTimeout: Duration? { nil }

  static func contention(for name: LockName, of servers: LockServers, _ endings: Int) -> Contention<RedisLockBackend> {
    let contention = Contention(
      RedisLockBackend(name: name, servers: servers),
      machine: RedisLockMachine(rules: servers.settings.turns),
      local: Local()
    )
    contention.withLocal { _, local in local.contention = contention }
    if endings > 0 { contention.refuse(.ending(name)) }
    return contention
  }

  // MARK: Under the lock

  func context(_ local: Local) {}

  func terms(of attempt: UInt64, _ local: inout Local) -> ClaimTerms<ClaimLease> {
    guard let grant = local.grant, let ballot = local.ballot else { preconditionFailure("a grant without a ballot") }
    local.grant = nil
    local.holders = []
    return ClaimTerms(
      token: grant.token,
      term: Term(deadline: grant.deadline),
      number: self.servers.nextGrant()
    ) { [servers, keys] lease in
      servers.renewals.watch(lease, keys: keys, owner: ballot.owner, sentAt: grant.sentAt)
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
    // A ballot knows its contention: kept on, they would keep each other for ever.
    if machine.phase == .idle { local.ballot = nil }
    let cleared = local.takeCleared(machine)
    if !cleared.isEmpty { jobs.append(.callCleared(cleared)) }
    return jobs
  }

  private func job(for request: RedisLockRequest, _ local: inout Local) -> Job? {
    switch request {
    case .ask(let attempt, let isNew):
      guard let contention = local.contention else { preconditionFailure("a contention that asks is alive") }
      let present = isNew ? nil : local.ballot
      let ballot = present ?? Ballot(attempt: attempt, keys: self.keys, servers: self.servers, contention: contention)
      local.ballot = ballot
      local.askedAt = .now
      return .ask(ballot)
    case .release(let attempt):
      guard let ballot = local.ballot, ballot.attempt == attempt else {
        preconditionFailure("a release of an attempt that is not the present one")
      }
      local.ballot = nil
      local.departed[attempt] = ballot
      return .release(ballot)
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

  func wait(at standing: Never?, _ local: Local) -> LockError.Wait {
    var wait = LockError.Wait()
    if self.servers.ports.count > 1 { wait.votes = local.ballot?.votes ?? [:] }
    let quorum = self.servers.ports.count / 2 + 1
    let holder = local.holders.first { holder in local.holders.count { $0 == holder } >= quorum }
    wait.holder = holder.map(OwnerIdentity.describe)
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
    local.ballot?.note(standsUntil: lease.term.deadline + LeaseTime.drift(self.servers.settings.timeToLive))
  }

  func mayRetire(_ local: Local) -> Bool { local.departed.isEmpty && local.failed.isEmpty }

  // MARK: Outside the lock

  func checkName() throws(LockError) {
    if LockKeys.isReserved(self.name, prefix: self.servers.settings.prefix) { throw .reserved(self.name) }
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
      case .ask(let ballot): ballot.ask()
      case .release(let ballot): ballot.release()
      case .rest(let alarm, let delay): contention.rest(alarm, delay)
      case .cancel(let id): self.servers.clock.cancel(id)
      case .subscribe(let number): contention.subscribe(number)
      case .unsubscribe(let listening): listening.end()
      case .callCleared(let handlers): for handler in handlers { handler() }
      }
    }
  }

  func extend(_ lease: ClaimLease, of contention: Contention<RedisLockBackend>) async throws(LockError) {
    let outcome = await self.servers.renewals.extend(lease)
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

  func forget(_ lease: ClaimLease) { self.servers.renewals.forget(lease) }

  /// A lease was lost. Its key is released all the same: an extension may have got through whose reply has not.
  func termEnded(_ lease: ClaimLease, of contention: Contention<RedisLockBackend>) { contention.giveBack(lease) }

  func setTimer(at time: ContinuousClock.Instant, _ body: @escaping @Sendable () -> Void) -> TimerQueue.ID {
    self.servers.clock.set(at: time, body)
  }

  func cancel(_ timer: TimerQueue.ID) { self.servers.clock.cancel(timer) }
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
