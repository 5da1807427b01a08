public import Latchkey
internal import LatchkeyNetwork
public import Logging
internal import NIOPosix

/// The locks on a majority of independent Redis servers: an odd number of them, at least three, each a master of its own.
///
/// ```swift
/// var connections: [RedisConnection] = []
/// for host in ["r1", "r2", "r3", "r4", "r5"] {
///   var server = RedisConnection.Configuration(host: host)
///   server.tracksServer = true
///   connections.append(try RedisConnection(server))
/// }
/// let locks = try RedlockLocks(servers: connections)
/// ```
///
/// Whether a server was started again, and may have forgotten a lock, only ``RedisConnection`` can tell: it reads the server's
/// run id on the very connection on which the votes come. With another client, keep a server that has crashed away from the
/// others for as long as the largest TTL.
public final class RedlockLocks: LockProvider {
  /// How locks are mapped to keys, and how long a key stands.
  public struct Configuration: Sendable {
    /// What stands before the lock's name in its key; nothing by default.
    public var prefix = ""

    /// How long a key stands that its owner does not extend. At least 10 ms.
    public var timeToLive = Duration.seconds(30)

    /// The largest TTL of all clients that use these servers, on any lock; the TTL if nil. A server that was started again has
    /// no vote for so long and a second more.
    public var largestTimeToLive: Duration?

    /// How long a server that does not answer is waited for, if its vote is needed, connecting included; a tenth of the TTL, at
    /// most half a second, if nil. A try ends by then, with `unreachable` if too few servers have answered.
    public var answerTimeout: Duration?

    /// Whether leases are extended by themselves for as long as they are held.
    public var renews = true

    /// How long a lease is kept alive at most, from its grant on; nil for as long as it is held. At least the TTL.
    public var longestHold: Duration?

    /// A label in the key's value, shown by `latchkey inspect`.
    public var label: String?

    /// Metrics, tracing and logging options.
    public var observability = LockObservability()

    /// Where the locks log; nil for where the first connection does, with clients of another kind the label `redis`.
    public var logger: Logger?

    /// The defaults.
    public init() {}
  }

  let servers: QuorumServers
  let runtime: LockRuntime
  let contentions = ContentionTable<RedisLockBackend>(shared: 0)

  /// Makes the locks of some servers.
  ///
  /// - Parameters:
  ///   - servers: One client for each server; they must outlive every lease.
  ///   - configuration: How locks are mapped to keys, and how long a key stands.
  /// - Throws: `LockError` with the code `invalidConfiguration`.
  public init(servers: [any RedisExecutor], configuration: Configuration = Configuration()) throws(LockError) {
    let timeToLive = configuration.timeToLive
    let largest = configuration.largestTimeToLive ?? timeToLive
    try LeaseTime.check(timeToLive: timeToLive, longestHold: configuration.longestHold, pollCeiling: .seconds(1))
    try Self.check(servers, timeToLive: timeToLive, largest: largest, timeout: configuration.answerTimeout)
    let ports = servers.enumerated().map { index, server in
      RedisLocks.port(of: server, named: server is RedisConnection ? nil : "server \(index + 1)")
    }
    for case let connection as RedisConnection in servers {
      connection.limitSilence(to: LeaseTime.patience(timeToLive: timeToLive))
    }
    var pacing = RedisLockMachine.Rules()
    pacing.usesWakeUps = false
    pacing.repeatsOwner = false
    // Others come by at intervals of their own and are not heard: a chance for them is as long as most of these, and rare.
    pacing.longestPause = .milliseconds(100)
    pacing.handOverLimit = .max
    pacing.tenure = .seconds(1)
    pacing.courtesy = .milliseconds(60)...(.milliseconds(100))
    var renewal = RenewalMachine.Rules(timeToLive: timeToLive)
    renewal.renews = configuration.renews
    renewal.longestHold = configuration.longestHold
    let prefix = configuration.prefix.isEmpty ? "" : " \(configuration.prefix)"
    let quorum = QuorumServers(
      ports.map(\.port),
      answerTimeout: configuration.answerTimeout ?? min(timeToLive / 10, .milliseconds(500)),
      probation: largest + Self.probationMargin
    )
    let clock = TimerQueue(loop: SharedEventLoop.loop)
    self.servers = quorum
    self.runtime = LockRuntime(
      settings: LockRuntime.Settings(
        backend: LockBackend(
          kind: "redlock",
          instance: ports.map(\.address).sorted().joined(separator: ",") + prefix
        ),
        prefix: configuration.prefix,
        timeToLive: timeToLive,
        label: configuration.label,
        observability: configuration.observability,
        logger: configuration.logger ?? RedisLocks.logger(of: servers[0]),
        tryTimeout: nil,
        pacing: pacing,
        renewal: renewal
      ),
      clock: clock,
      extender: QuorumExtender(quorum, clock: clock),
      publisher: nil,
      attempt: { number, contention in QuorumVote(number, contention, servers: quorum) }
    )
  }

  /// How much longer than the largest TTL a server has no vote after its start.
  package static let probationMargin = Duration.seconds(1)

  private static func check(
    _ servers: [any RedisExecutor],
    timeToLive: Duration,
    largest: Duration,
    timeout: Duration?
  ) throws(LockError) {
    func refuse(_ message: String) -> LockError { LockError(.invalidConfiguration, message: message) }
    guard servers.count >= 2 else {
      throw refuse("Redlock needs several servers, best three or five; for a single one there is RedisLocks")
    }
    guard largest >= timeToLive else {
      throw refuse("the largest TTL, \(largest), is less than the TTL of these locks, \(timeToLive)")
    }
    if let timeout, timeout <= .zero || timeout >= timeToLive {
      throw refuse("the answer timeout is \(timeout); give more than nothing and less than the TTL, \(timeToLive)")
    }
    var addresses: Set<String> = []
    for case let connection as RedisConnection in servers {
      let configuration = connection.configuration
      guard configuration.tracksServer else {
        throw refuse(
          "the connection to \(configuration.address) does not tell when its server was started again; "
            + "set tracksServer in its configuration"
        )
      }
      guard addresses.insert(configuration.address).inserted else {
        throw refuse("\(configuration.address) is named twice; the servers of a quorum must be independent")
      }
    }
  }

  /// The lock of a name; its key is the prefix and the name, on every server.
  ///
  /// - Parameter name: The name that contenders agree on.
  /// - Returns: The lock.
  public func lock(_ name: LockName) -> Redlock { Redlock(name: name, locks: self) }

  /// Ends all leases of these locks, and waits until their keys are gone, and those of attempts that had failed.
  ///
  /// For the end of a program, before its connections are closed; ``run()`` does it too. Holders are notified of the loss. Callers that
  /// wait, or ask before this returns, get `closed`. A server that does not answer is waited for up to a second; the keys that it keeps
  /// stand until their TTL ends, and the log says so.
  public func releaseAll() async { await self.contentions.releaseAll(self.runtime.clock) }
}
