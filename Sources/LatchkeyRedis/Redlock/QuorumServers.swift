internal import Latchkey
internal import LatchkeyPrimitives
internal import Logging

/// The servers of a quorum: which of them have answered, and whose votes count.
final class QuorumServers: Sendable {
  let ports: [any RedisPort]
  /// How long servers are waited for that do not answer.
  let answerTimeout: Duration
  /// How long a server must have run until it is believed.
  let probation: Duration
  let probations: [Probation]
  let runs: ServerRuns
  private let reached: Locked<[Bool]>
  /// Which servers have granted something at any time.
  private let granting: Locked<[Bool]>
  /// Until when the log says that too few servers may vote.
  private let announcedUntil = Locked<ContinuousClock.Instant?>(nil)

  init(_ ports: [any RedisPort], answerTimeout: Duration, probation: Duration) {
    self.ports = ports
    self.answerTimeout = answerTimeout
    self.probation = probation
    self.probations = ports.map { _ in Probation(probation) }
    self.runs = ServerRuns(ports.map(\.address))
    self.reached = Locked(Array(repeating: false, count: ports.count))
    self.granting = Locked(Array(repeating: false, count: ports.count))
  }

  /// How many servers must agree.
  var quorum: Int { self.ports.count / 2 + 1 }

  /// Whether as many servers as are needed have answered at least once: later outages are ridden out.
  var hasBeenReached: Bool {
    self.reached.withLock { reached in reached.count { $0 } > reached.count / 2 }
  }

  func note(_ reply: PlantReply, of node: Int) {
    switch reply {
    case .planted:
      self.reached.withLock { $0[node] = true }
      self.granting.withLock { $0[node] = true }
    case .held: self.reached.withLock { $0[node] = true }
    case .failed(let error): if error.showsServer { self.reached.withLock { $0[node] = true } }
    }
  }

  /// Whether a server answers that it is not the one to ask. A replica that was a master in our time may become one again, as
  /// another may after a failover; one that never was is the wrong address.
  func isMisplaced(_ error: RedisError, at node: Int) -> Bool {
    error.isRedirection || (error.isOfReplica && !self.granting.withLock { $0[node] })
  }

  /// Logs once when enough servers can vote again.
  func announce(_ votingFrom: ContinuousClock.Instant, _ settings: LockRuntime.Settings) {
    let now = ContinuousClock.now
    let isNews = self.announcedUntil.withLock { last in
      if let last, now < last { return false }
      last = votingFrom
      return true
    }
    guard isNews else { return }
    settings.logger.warning(
      "too few of the servers have run for long enough to vote: \(WallClock.describe(votingFrom))",
      metadata: ["lock.backend": "\(settings.backend.kind)"]
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
