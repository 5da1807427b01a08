internal import Latchkey
internal import LatchkeyNetwork
internal import LatchkeyPrimitives
internal import Logging
internal import Synchronization

/// What all locks of one client share, whether they are on one server or on a quorum: how long a key stands, and who keeps the
/// leases alive.
final class LockRuntime: Sendable {
  /// How locks are made on the servers.
  struct Settings: Sendable {
    var backend: LockBackend
    var prefix: String
    var timeToLive: Duration
    var label: String?
    var observability: LockObservability
    var logger: Logger
    /// How long a try waits for the first answer; nil where the time for each answer bounds it.
    var tryTimeout: Duration?
    var pacing: RedisLockMachine.Rules
    var renewal: RenewalMachine.Rules
  }

  typealias MakeAttempt = @Sendable (UInt64, Contention<RedisLockBackend>) -> any LockAttempt

  let settings: Settings
  let observer: LockObserver
  let clock: TimerQueue
  let owners: OwnerIdentity
  /// How this client is shown to others as the holder.
  let ownDescription: String
  /// The TTL, as the scripts take it.
  let timeToLiveWord: [UInt8]
  /// The TTL of a counter, as the scripts take it.
  let counterTimeToLiveWord: [UInt8]
  let renewals: Renewals
  let refusals: RefusalLog
  /// Makes the attempts for locks.
  let attempt: MakeAttempt
  /// Where releases are published; nil where they are not.
  let publisher: (any RedisPort)?
  private let warnedAt = Locked<ContinuousClock.Instant?>(nil)
  private let hasWarnedOfSubscription = Atomic(false)
  private let grants = Atomic<UInt64>(0)

  init(
    settings: Settings,
    clock: TimerQueue,
    extender: any LeaseExtender,
    publisher: (any RedisPort)?,
    attempt: @escaping MakeAttempt
  ) {
    self.settings = settings
    self.clock = clock
    self.observer = LockObserver(settings.observability, kind: settings.backend.kind)
    self.owners = OwnerIdentity(label: settings.label)
    self.ownDescription = OwnerIdentity.describe(self.owners.next())
    self.timeToLiveWord = Array("\(settings.timeToLive.milliseconds)".utf8)
    self.counterTimeToLiveWord = LeaseTime.counterTimeToLiveWord(settings.timeToLive)
    self.refusals = RefusalLog(settings.logger, backend: settings.backend)
    self.renewals = Renewals(
      rules: settings.renewal,
      extender: extender,
      clock: self.clock,
      refusals: self.refusals
    )
    self.publisher = publisher
    self.attempt = attempt
  }

  /// A number for a lease that no other has.
  func nextGrant() -> UInt64 { self.grants.add(1, ordering: .relaxed).newValue }

  /// Logs why locks are not granted, for callers that wait without end; rarely, since every lock meets it.
  func warn(of outage: RedisError) {
    let now = ContinuousClock.now
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

  /// Logs once that the server refuses subscriptions: the locks poll instead, and nothing else would show it.
  func warn(ofSubscription error: RedisError) {
    guard error.code == .notAuthorized || error.code == .server else { return }
    guard !self.hasWarnedOfSubscription.exchange(true, ordering: .relaxed) else { return }
    self.settings.logger.warning(
      "the server refuses subscriptions, so releases are noticed by polling; let the user subscribe to the channels of the locks",
      metadata: ["lock.backend": "\(self.settings.backend.kind)", "error": "\(error)"]
    )
  }
}
