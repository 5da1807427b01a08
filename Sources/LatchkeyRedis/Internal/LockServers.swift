internal import Latchkey
internal import LatchkeyNetwork
internal import LatchkeyPrimitives
internal import Logging
internal import NIOPosix
internal import Synchronization

/// What all locks of one client share: the servers, how long a key stands, and who keeps the leases alive.
final class LockServers: Sendable {
  /// How locks are made on the servers.
  struct Settings: Sendable {
    var backend: LockBackend
    var prefix: String
    var timeToLive: Duration
    var label: String?
    var observability: LockObservability
    var logger: Logger
    /// Whether grants carry a token that the server mints.
    var isFenced: Bool
    /// How long servers are waited for that do not answer; nil for as long as the client waits.
    var answerTimeout: Duration?
    /// How long a try waits for the first answer; nil where the time for each answer bounds it.
    var tryTimeout: Duration?
    /// How long a server must have run until it is believed; nil where there is no quorum to protect.
    var probation: Duration?
    var turns: RedisLockMachine.Rules
    var renewal: RenewalMachine.Rules
  }

  let settings: Settings
  let observer: LockObserver
  let ports: [any RedisPort]
  let clock = TimerQueue(loop: MultiThreadedEventLoopGroup.singleton.next())
  let owners: OwnerIdentity
  /// How this client is shown to others as the holder.
  let ownDescription: String
  /// The TTL, as the scripts take it.
  let timeToLiveWord: [UInt8]
  /// The TTL of a counter, as the scripts take it: a day after its last use, and never before its lock.
  let counterTimeToLiveWord: [UInt8]
  let renewals: Renewals
  private let reached: Locked<[Bool]>
  /// Which servers have granted something at any time.
  private let granting: Locked<[Bool]>
  private let warnedAt = Locked<ContinuousClock.Instant?>(nil)
  /// Until when the log says that too few servers may vote.
  private let announcedUntil = Locked<ContinuousClock.Instant?>(nil)
  private let hasWarnedOfSubscription = Atomic(false)
  private let probations: [Probation]
  private let runs: ServerRuns
  let refusals: RefusalLog
  private let grants = Atomic<UInt64>(0)

  init(ports: [any RedisPort], settings: Settings) {
    self.ports = ports
    self.settings = settings
    self.observer = LockObserver(settings.observability, kind: settings.backend.kind)
    self.owners = OwnerIdentity(label: settings.label)
    self.ownDescription = OwnerIdentity.describe(self.owners.next())
    let milliseconds = settings.timeToLive.milliseconds
    self.timeToLiveWord = Array("\(milliseconds)".utf8)
    self.counterTimeToLiveWord = Array("\(max(86_400_000, milliseconds * 2))".utf8)
    self.reached = Locked(Array(repeating: false, count: ports.count))
    self.granting = Locked(Array(repeating: false, count: ports.count))
    self.probations = ports.map { _ in Probation(settings.probation) }
    self.runs = ServerRuns(ports.map(\.address))
    self.refusals = RefusalLog(settings.logger, backend: settings.backend)
    self.renewals = Renewals(
      rules: settings.renewal,
      batch: ExtensionBatch(
        ports: ports,
        clock: self.clock,
        probations: self.probations,
        runs: self.runs,
        answerTimeout: settings.answerTimeout,
        counterTimeToLive: settings.isFenced ? self.counterTimeToLiveWord : []
      ),
      clock: self.clock,
      refusals: self.refusals
    )
  }

  /// A number for a lease that no other has.
  func nextGrant() -> UInt64 { self.grants.add(1, ordering: .relaxed).newValue }

  /// Whether as many servers as are needed have answered at least once: later outages are ridden out.
  var hasBeenReached: Bool {
    self.reached.withLock { reached in reached.count { $0 } > reached.count / 2 }
  }

  func noteAnswer(of node: Int) {
    self.reached.withLock { $0[node] = true }
  }

  func noteGrant(of node: Int) {
    self.granting.withLock { $0[node] = true }
  }

  /// Whether a server answers that it is not the one to ask. A replica that was a master in our time may become one again, as
  /// another may after a failover; one that never was is the wrong address.
  func isMisplaced(_ error: RedisError, at node: Int) -> Bool {
    error.isRedirection || (error.isOfReplica && !self.granting.withLock { $0[node] })
  }

  /// Logs why locks are not granted, for callers that wait without end; rarely, since every lock meets it.
  ///
  /// - Parameter votingFrom: When enough servers can vote again, where that is known: it is then logged once.
  func warn(of outage: RedisError, votingFrom: ContinuousClock.Instant? = nil) {
    let now = ContinuousClock.now
    if let votingFrom { return self.announce(votingFrom, at: now) }
    let isDue = self.warnedAt.withLock { last in
      if let last, now - last < .seconds(10) { return false }
      last = now
      return true
    }
    guard isDue else { return }
    self.settings.logger.warning(
      "locks cannot be granted at present; they are asked for again until the waits end",
      metadata: ["lock.backend": "\(self.settings.backend.kind)", "error": "\(outage)"]
    )
  }

  private func announce(_ votingFrom: ContinuousClock.Instant, at now: ContinuousClock.Instant) {
    let isNews = self.announcedUntil.withLock { last in
      if let last, now < last { return false }
      last = votingFrom
      return true
    }
    guard isNews else { return }
    self.settings.logger.warning(
      "too few of the servers have run for long enough to vote: \(WallClock.describe(votingFrom))",
      metadata: ["lock.backend": "\(self.settings.backend.kind)"]
    )
  }

  /// Logs once that the server refuses subscriptions: the locks poll instead, and nothing else would show it.
  func warn(ofSubscription error: RedisError) {
    guard error.code == .notAuthorized || error.code == .server else { return }
    guard !self.hasWarnedOfSubscription.exchange(true, ordering: .relaxed) else { return }
    self.settings.logger.warning(
      "the server refuses subscriptions, so releases are noticed by polling; let the user subscribe to the channels of the locks",
      metadata: ["lock.backend": "\(self.settings.backend.kind)", "error": "\(error)"]
    )
  }

  /// Until when a server's yes does not count; nil if it does.
  func distrust(of node: Int, _ identity: RedisServerIdentity?) -> ContinuousClock.Instant? {
    self.probations[node].distrust(identity)
  }

  /// The error if the server is known under another name as well.
  func duplicate(of node: Int, _ identity: RedisServerIdentity?) -> RedisError? {
    self.runs.duplicate(of: node, identity)
  }
}
