public import Latchkey
internal import LatchkeyPrimitives
public import ZooKeeper

/// An election in ZooKeeper: candidates stand in a queue of ephemeral sequential nodes, the first leads, and everybody may watch who
/// that is.
///
/// The nodes are those of Apache Curator's `LeaderLatch`, whose participants see our candidates and are seen, and a node's data is
/// the candidate's value, as a participant's id is. With ``Layout/lock`` they are those of Curator's `LeaderSelector` and kazoo's
/// `Election`. Candidates of either layout wait for all three, and for locks of that name; a lock does not see candidates of
/// ``Layout/latch``.
///
/// A leadership keeps the promises of a lease: it has a deadline, its loss is reported, and its fencing token is the node's czxid. A
/// connection that is lost and comes back changes nothing.
///
/// ```swift
/// let election = ZooKeeperElection(client: client, name: "scheduler")
/// try await election.withLeadership(value: "node-7") { leadership in
///   try await schedule(fencedBy: leadership.token)
/// }
/// ```
public struct ZooKeeperElection: LeaderElection {
  /// What candidates' nodes are called.
  public enum Layout: Hashable, Sendable {
    /// As the participants of Curator's `LeaderLatch`.
    case latch
    /// As those of Curator's `LeaderSelector` and kazoo's `Election`, and as locks: an election and a lock of one name exclude each
    /// other.
    case lock
  }

  /// The name that candidates agree on; their directory is `<root>/<name>`.
  public let name: LockName
  /// What our candidates' nodes are called.
  public let layout: Layout
  private let client: ZooKeeperClient
  private let configuration: ZooKeeperLocks.Configuration

  /// Names an election; asks nobody.
  ///
  /// - Parameters:
  ///   - client: The client; it must outlive every leadership.
  ///   - name: The name that candidates agree on.
  ///   - layout: What our candidates' nodes are called.
  ///   - configuration: How names are mapped to nodes. Its label is not used: the data of a node is the value of its candidate.
  public init(
    client: ZooKeeperClient,
    name: LockName,
    layout: Layout = .latch,
    configuration: ZooKeeperLocks.Configuration = ZooKeeperLocks.Configuration()
  ) {
    self.client = client
    self.name = name
    self.layout = layout
    self.configuration = configuration
  }

  /// `zookeeper`, and the servers with their chroot and the root.
  public var backend: LockBackend { self.configuration.backend(of: self.client) }

  private var nodes: ElectionNodes {
    ElectionNodes(
      directory: LockPath.directory(of: self.name, under: self.configuration.root),
      rule: .candidate(self.layout)
    )
  }

  /// Stands as a candidate and waits to be elected.
  ///
  /// One round trip if nobody leads, and none between the news that the leader is gone and the election of the next.
  ///
  /// - Parameters:
  ///   - value: What the candidate says of itself, for observers.
  ///   - timeout: The budget of the whole call; nil waits for ever, zero tries once.
  /// - Returns: The leadership; resign it, or it ends with the client's session.
  /// - Throws: `LockError`, as ``ZooKeeperLock/acquire(within:)`` does.
  public func campaign(value: String, within timeout: Duration?) async throws(LockError) -> Leadership {
    // Each candidate has nodes of its own, which say its value from the first moment.
    let locks = ZooKeeperLocks(
      client: self.client,
      configuration: self.configuration,
      data: Array(value.utf8),
      recipe: .election(self.layout)
    )
    var granted: ZooKeeperLease?
    let lease = try await locks.observer.acquire(self.name, within: timeout) { () async throws(LockError) in
      let grant = try await locks.contentions.acquire(self.name, of: locks, within: timeout)
      granted = grant
      return grant.makeLease()
    }
    guard let granted else { preconditionFailure("a grant without a node") }
    // The locks live as long as the leadership: they report its loss.
    return Leadership(lease: lease) { [weak granted] value throws(LockError) in
      guard let granted else { throw .lost(self.name, because: "it was resigned") }
      try await locks.proclaim(value, granted)
    }
  }

  /// Who leads now; nil if nobody does. Two round trips, the first behind a `sync`.
  ///
  /// - Returns: The leader. It may have passed its deadline, which others cannot see.
  /// - Throws: `LockError`: `unreachable` if the servers do not answer, `notAuthorized` if this client may not read.
  public func leader() async throws(LockError) -> Leader? {
    var nodes = self.nodes
    let deadline = ContinuousClock.now + self.configuration.answerTimeout
    nodes.deadline = deadline
    let result = await askDespiteLoad(until: deadline) { [nodes] in await self.readLeader(nodes) }
    switch result {
    case .success(let sighting): return sighting.map { Leader($0) }
    case .failure(let error): throw LockError(self.name, error)
    }
  }

  private func readLeader(_ nodes: ElectionNodes) async -> Result<LeaderObserver.Sighting?, ZooKeeperError> {
    do throws(ZooKeeperError) {
      let session = try await self.client.waitForSession(within: self.configuration.answerTimeout)
      while case .first(let name) = try await nodes.list(session, sync: true) {
        // Nil if it has gone in between: another may lead.
        if let sighting = try await nodes.read(name, session) { return .success(sighting) }
      }
      return .success(nil)
    } catch {
      return .failure(error)
    }
  }

  /// Who leads, from now on: the present leader first, then each change of leader or of its value, and nil when nobody leads.
  ///
  /// An observer watches one node, the leader's: two reads for each change, and none for candidates that come and go behind the
  /// leader. What changes faster than it is looked at may be left out. An outage is ridden out, the end of the session too; the
  /// sequence ends when the client is closed, or the servers refuse to tell.
  public var leaders: AsyncStream<Leader?> {
    AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
      let task = Task {
        var follower = LeaderFollower(
          client: self.client,
          nodes: self.nodes,
          metadata: .lock(self.name, self.backend)
        )
        await follower.run { continuation.yield($0) }
        continuation.finish()
      }
      continuation.onTermination = { _ in task.cancel() }
    }
  }

  /// All candidates in the order in which they will lead, the leader first.
  ///
  /// - Returns: The candidates; their tokens are those that their leaderships have, or will have.
  /// - Throws: `LockError`, as ``leader()`` does.
  public func candidates() async throws(LockError) -> [Leader] {
    do throws(ZooKeeperError) {
      return try await ContenderNodes(client: self.client, rule: self.nodes.rule)
        .read(in: self.nodes.directory)
        .map { node in
          Leader(
            value: String(decoding: node.data, as: UTF8.self),
            token: FencingToken(major: UInt64(bitPattern: node.stat.createdBy))
          )
        }
    } catch {
      throw LockError(self.name, error)
    }
  }
}

extension ZooKeeperLocks {
  /// The election of a name, in the directory `<root>/<name>`.
  ///
  /// - Parameters:
  ///   - name: The name that candidates agree on.
  ///   - layout: What our candidates' nodes are called.
  /// - Returns: The election.
  public func election(_ name: LockName, layout: ZooKeeperElection.Layout = .latch) -> ZooKeeperElection {
    ZooKeeperElection(client: self.client, name: name, layout: layout, configuration: self.configuration)
  }

  /// Writes another value into the node of a leader, on the session that has created it and on no other.
  fileprivate func proclaim(_ value: String, _ lease: ZooKeeperLease) async throws(LockError) {
    let contention = self.contentions.contention(for: lease.name, of: self)
    let node = lease.node
    guard let session = contention.withLocal({ $1.session }), session.generation == node.session else {
      throw .lost(lease.name, because: "its session is over")
    }
    let path = contention.shell.path(node.name)
    let result = await askDespiteLoad(until: lease.term.deadline) {
      await Self.set(path, Array(value.utf8), session, until: lease.term)
    }
    switch result {
    case .success: return
    case .failure(let error) where error.code == .noNode:
      contention.handle(.ownGone(node))
      throw .lost(lease.name, because: "its node is gone")
    case .failure(let error):
      if let end = lease.term.ended { throw .lost(lease.name, because: end.reason) }
      throw LockError(lease.name, error)
    }
  }

  /// Ends with the term, and with the task.
  private static func set(
    _ path: String,
    _ data: [UInt8],
    _ session: ZKSession,
    until term: Term
  ) async -> Result<Stat, ZooKeeperError> {
    guard session.isConnected else {
      return .failure(ZooKeeperError(.connectionLoss, operation: "set", path: path))
    }
    let answer = OneShot<Result<Stat, ZooKeeperError>>()
    let handler = term.onEnd { _ in
      answer.resolve(.failure(ZooKeeperError(.operationTimeout, operation: "set", path: path)))
    }
    defer { if let handler { term.removeHandler(handler) } }
    // Any version: the node is known by its session.
    session.set(path, data: data, version: -1) { answer.resolve($0) }
    return await answer.wait(cancelled: .failure(ZooKeeperError(.cancelled, operation: "set", path: path)))
  }
}
