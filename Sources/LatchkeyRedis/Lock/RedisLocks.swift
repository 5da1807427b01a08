public import Latchkey
internal import LatchkeyNetwork
public import Logging
internal import NIOPosix

/// The locks on one Redis server.
///
/// ```swift
/// let locks = try RedisLocks(executor: connection)
/// try await locks.lock("orders").withLock { held, token in
///   try await orders.save(order, fencedBy: token)
/// }
/// ```
///
/// Leases are extended when a third of their TTL has gone by, all that are due together in one request. Tasks of one client that
/// want the same lock stand in a line within the process, and only for the first of them the server is asked. While another
/// process holds a lock, a published release wakes one attempt per process; behind that lies a poll, for releases by clients that
/// do not publish.
public final class RedisLocks: LockProvider {
  /// How locks are mapped to keys, and how long a key stands.
  public struct Configuration: Sendable {
    /// What stands before the lock's name in its key; nothing by default.
    public var prefix = ""

    /// How long a key stands that its owner does not extend: after a crash, others wait so long. At least 10 ms.
    public var timeToLive = Duration.seconds(30)

    /// Whether leases are extended by themselves for as long as they are held.
    public var renews = true

    /// How long a lease is kept alive at most, from its grant on; nil for as long as it is held. It is lost then, so that a
    /// holder that is stuck does not keep everybody out. At least the TTL.
    public var longestHold: Duration?

    /// The longest time between two tries for a lock that another process holds: so late, at most, a release is noticed that
    /// its holder did not publish.
    public var pollCeiling = Duration.seconds(1)

    /// How long a try waits for the server's first answer, connecting included: `tryAcquire` and an `acquire` within zero end by
    /// then, with `unreachable` if the server is silent.
    public var answerTimeout = Duration.seconds(2)

    /// A label in the key's value, shown by `latchkey inspect`.
    public var label: String?

    /// Metrics, tracing and logging options.
    public var observability = LockObservability()

    /// Where the locks log; nil for where the connection does, with a client of another kind the label `redis`.
    public var logger: Logger?

    /// What the server is called in errors and logs, without credentials; `host:port/database` of a ``RedisConnection``.
    /// Locks are taken for the same only if this and the prefix are.
    public var server: String?

    /// The defaults.
    public init() {}
  }

  let runtime: LockRuntime
  let contentions = ContentionTable<RedisLockBackend>(shared: 0)

  /// Makes the locks of a client.
  ///
  /// - Parameters:
  ///   - executor: The client; it must outlive every lease.
  ///   - configuration: How locks are mapped to keys, and how long a key stands.
  /// - Throws: `LockError` with the code `invalidConfiguration`.
  public init(executor: any RedisExecutor, configuration: Configuration = Configuration()) throws(LockError) {
    try LeaseTime.check(
      timeToLive: configuration.timeToLive,
      longestHold: configuration.longestHold,
      pollCeiling: configuration.pollCeiling
    )
    guard configuration.answerTimeout > .zero else {
      throw LockError(
        .invalidConfiguration,
        message: "the answer timeout is \(configuration.answerTimeout); give more than nothing, some round trips long"
      )
    }
    let (port, address) = Self.port(of: executor, named: configuration.server)
    (executor as? RedisConnection)?.limitSilence(to: LeaseTime.patience(timeToLive: configuration.timeToLive))
    var pacing = RedisLockMachine.Rules()
    pacing.pollCeiling = configuration.pollCeiling
    var renewal = RenewalMachine.Rules(timeToLive: configuration.timeToLive)
    renewal.renews = configuration.renews
    renewal.longestHold = configuration.longestHold
    let prefix = configuration.prefix.isEmpty ? "" : " \(configuration.prefix)"
    let server = LockServer(port)
    self.runtime = LockRuntime(
      settings: LockRuntime.Settings(
        backend: LockBackend(kind: "redis", instance: address + prefix),
        prefix: configuration.prefix,
        timeToLive: configuration.timeToLive,
        label: configuration.label,
        observability: configuration.observability,
        logger: configuration.logger ?? Self.logger(of: executor),
        tryTimeout: configuration.answerTimeout,
        pacing: pacing,
        renewal: renewal
      ),
      clock: TimerQueue(loop: SharedEventLoop.loop),
      extender: ServerExtender(port, counterTimeToLive: LeaseTime.counterTimeToLiveWord(configuration.timeToLive)),
      publisher: port,
      attempt: { number, contention in RedisAttempt(number, contention, server: server) }
    )
  }

  /// How the locks talk to an executor, and what they call its server.
  static func port(of executor: any RedisExecutor, named name: String?) -> (port: any RedisPort, address: String) {
    guard let connection = executor as? RedisConnection else {
      // Two clients whose servers have no name might be of different servers.
      let address = name ?? "unnamed \(String(UInt64.random(in: 0 ... .max), radix: 36))"
      return (ExecutorPort(executor, address: address), address)
    }
    let port = ConnectionPort(connection, address: name)
    return (port, name ?? "\(port.address)/\(connection.configuration.database)")
  }

  static func logger(of executor: any RedisExecutor) -> Logger {
    (executor as? RedisConnection)?.configuration.logger ?? Logger(label: "redis")
  }

  /// The lock of a name; its key is the prefix and the name.
  ///
  /// - Parameter name: The name that contenders agree on.
  /// - Returns: The lock.
  public func lock(_ name: LockName) -> RedisLock { RedisLock(name: name, locks: self) }

  /// Ends all leases of these locks, and waits until their keys are gone, and those of attempts that had failed.
  ///
  /// For the end of a program, before its connections are closed; ``run()`` does it too. Holders are notified of the loss. Callers that
  /// wait, or ask before this returns, get `closed`. A server that does not answer is waited for up to a second; the keys that it keeps
  /// stand until their TTL ends, and the log says so.
  public func releaseAll() async { await self.contentions.releaseAll(self.runtime.clock) }
}

extension LeaseTime {
  /// Refuses what could never be held, or contradicts itself.
  static func check(timeToLive: Duration, longestHold: Duration?, pollCeiling: Duration) throws(LockError) {
    func refuse(_ message: String) -> LockError { LockError(.invalidConfiguration, message: message) }
    guard timeToLive >= self.shortest, timeToLive <= .seconds(366 * 86_400) else {
      throw refuse("the TTL is \(timeToLive); give from \(self.shortest) to a year, some round trips and pauses long")
    }
    if let longestHold, longestHold < timeToLive {
      throw refuse("the longest hold, \(longestHold), is shorter than the TTL, \(timeToLive); give at least the TTL")
    }
    guard pollCeiling >= .milliseconds(1) else {
      throw refuse("the poll ceiling is \(pollCeiling); give at least a millisecond")
    }
  }
}
