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
/// let election = EtcdElection(client: client, name: "scheduler")
/// let leadership = try await election.campaign(value: "node-7")
/// try await lead(fencedBy: leadership.held.token)
/// try await leadership.resign()
/// ```
public struct EtcdElection: LeaderElection {
  /// The name that candidates agree on.
  public let name: LockName

  /// `etcd`, and the endpoints with the prefix.
  public var backend: LockBackend { self.configuration.backend(of: self.client) }

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
  public func campaign(value: String, within timeout: Duration?) async throws(LockError) -> Leadership {
    // Each candidate has keys of its own, which say its value from the first moment.
    let locks = EtcdLocks(client: self.client, configuration: self.configuration, value: Array(value.utf8))
    var node: KeyQueueNode?
    let lease = try await locks.observer.acquire(self.name, within: timeout) { () async throws(LockError) in
      let grant = try await locks.contentions.acquire(self.name, of: locks, within: timeout)
      node = grant.node
      return grant.makeLease()
    }
    guard let node else { preconditionFailure("a grant without a key") }
    // The locks live as long as the leadership: they tell it of its loss.
    return Leadership(lease: lease) { value throws(LockError) in try await locks.proclaim(value, self.name, node) }
  }

  /// Who leads now; nil if nobody does.
  ///
  /// - Returns: The leader.
  /// - Throws: `LockError`: `unreachable` if the cluster cannot be asked, `notAuthorized`.
  public func leader() async throws(LockError) -> Leader? {
    do throws(EtcdError) {
      return try await self.readLeader()
    } catch {
      throw LockError(self.name, error)
    }
  }

  private func readLeader() async throws(EtcdError) -> Leader? {
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
        return .some(try await self.readLeader())
      } catch {
        guard error.isInDoubt else { return nil }
        // Cancelled is the end of the loop as well.
        try? await Task.sleep(for: .milliseconds(100))
      }
    }
    return nil
  }
}

extension EtcdLocks {
  /// Writes another value into the key of a leader.
  fileprivate func proclaim(_ value: String, _ name: LockName, _ node: KeyQueueNode) async throws(LockError) {
    let request = EtcdTxnRequest(
      if: [.created(node.key, at: node.revision)],
      then: [.put(node.key, Array(value.utf8), lease: nil)]
    )
    let isDone: Bool
    do throws(EtcdError) {
      let timeout = self.client.configuration.requestTimeout
      isDone = try await self.client.connections.call(EtcdMethods.txn, request, timeout: timeout).succeeded
    } catch {
      throw LockError(name, error)
    }
    guard isDone else { throw .lost(name, because: "its key is gone") }
  }
}
#endif
