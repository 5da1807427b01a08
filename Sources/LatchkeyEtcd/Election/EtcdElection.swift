#if Etcd
internal import EtcdAPI
public import Latchkey

/// An election in etcd: candidates stand in a queue of keys, the first leads, and everybody may watch who that is.
///
/// The keys are those of `clientv3/concurrency`'s elections, so `etcdctl elect NAME VALUE` is a candidate among ours, and
/// `etcdctl elect --listen NAME` reads our leader. A leadership keeps the promises of a lease: it has a deadline, is told when
/// it is lost, and has a fencing token.
///
/// ```swift
/// let election = EtcdElection(client: client, name: try LockName("scheduler"))
/// let leadership = try await election.campaign(value: "node-7")
/// try await lead(fencedBy: leadership.held.token)
/// try await leadership.resign()
/// ```
public struct EtcdElection: Sendable {
  /// Who leads at the moment.
  public struct Leader: Hashable, Sendable {
    /// What the leader says of itself.
    public let value: String
    /// The fencing token of its leadership.
    public let token: FencingToken

    /// Describes a leader.
    ///
    /// - Parameters:
    ///   - value: What the leader says of itself.
    ///   - token: The fencing token of its leadership.
    public init(value: String, token: FencingToken) {
      self.value = value
      self.token = token
    }
  }

  /// The name that candidates agree on.
  public let name: LockName

  private let client: EtcdClient
  private let configuration: EtcdLocks.Configuration
  private var prefix: [UInt8] { LockKeys.prefix(of: self.name, under: self.configuration.prefix) }

  /// Names an election; asks nobody.
  ///
  /// - Parameters:
  ///   - client: The client; it must outlive every leadership.
  ///   - name: The name that candidates agree on.
  ///   - configuration: How names are mapped to keys. An election and a lock of one name exclude each other.
  public init(client: EtcdClient, name: LockName, configuration: EtcdLocks.Configuration = EtcdLocks.Configuration()) {
    self.client = client
    self.name = name
    self.configuration = configuration
  }

  /// Stands as a candidate and waits to be elected.
  ///
  /// - Parameters:
  ///   - value: What we say of ourselves, for those who watch.
  ///   - timeout: The budget of the whole call; nil waits for ever, zero tries once.
  /// - Returns: The leadership; resign it, or it ends with the client's session.
  /// - Throws: `LockError`, as ``EtcdLock/acquire(within:)`` does.
  public func campaign(value: String, within timeout: Duration? = nil) async throws(LockError) -> EtcdLeadership {
    // Each candidate has keys of its own, which say its value from the first moment.
    let locks = EtcdLocks(client: self.client, configuration: self.configuration, value: Array(value.utf8))
    let grant = try await locks.fencedLock(self.name).grant(within: timeout)
    return EtcdLeadership(lease: grant.makeLease(), node: grant.node, locks: locks)
  }

  /// Who leads now; nil if nobody does.
  ///
  /// - Throws: ``EtcdError`` if the cluster cannot be asked.
  public func leader() async throws(EtcdError) -> Leader? {
    let range = EtcdRangeRequest.prefix(self.prefix, .oldest, withValue: true)
    let timeout = self.client.configuration.requestTimeout
    let answer = try await self.client.connections.call(EtcdMethods.range, range, timeout: timeout)
    let first = answer.kvs.first { LockKeys.isContender($0.keyBytes, prefix: self.prefix) }
    return first.map { key in
      Leader(value: key.text, token: FencingToken(major: UInt64(bitPattern: key.createRevision)))
    }
  }

  /// Who leads, from now on: the present leader first, then each change of leader or of its value, and nil when nobody leads.
  ///
  /// What changes faster than it is looked at may be left out. An outage is ridden out; the sequence ends when the client is
  /// closed.
  public var leaders: AsyncStream<Leader?> {
    AsyncStream { continuation in
      let (changes, changed) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
      let watch = self.client.watches.add(.prefix(self.prefix)) { event in
        if case .refused = event { changed.finish() } else { changed.yield() }
      }
      let task = Task {
        var last: Leader??
        for await _ in changes {
          guard let leader = await self.leaderOnceReachable() else { break }
          if last != leader { continuation.yield(leader) }
          last = leader
        }
        continuation.finish()
      }
      continuation.onTermination = { _ in
        task.cancel()
        self.client.watches.remove(watch)
      }
    }
  }

  /// Nil if the client was closed, or the servers refuse to tell.
  private func leaderOnceReachable() async -> Leader?? {
    while !Task.isCancelled {
      do throws(EtcdError) {
        return .some(try await self.leader())
      } catch {
        guard error.isInDoubt else { return nil }
        // Cancelled is the end of the loop as well.
        try? await Task.sleep(for: .milliseconds(100))
      }
    }
    return nil
  }
}
#endif
