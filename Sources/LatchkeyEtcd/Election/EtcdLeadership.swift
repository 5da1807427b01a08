#if Etcd
internal import EtcdAPI
public import Latchkey

/// One term of a leader: what ``EtcdElection/campaign(value:within:)`` gives.
public struct EtcdLeadership: ~Copyable, Sendable {
  private let lease: Lease
  private let node: QueueNode
  private let locks: EtcdLocks

  init(lease: consuming Lease, node: QueueNode, locks: EtcdLocks) {
    self.lease = lease
    self.node = node
    self.locks = locks
  }

  /// A copyable view of the leadership: name, token, deadline, whether it stands, and its loss.
  public var held: HeldLock { self.lease.held }

  /// Says something else of ourselves to those who watch.
  ///
  /// - Parameter value: What to say.
  /// - Throws: `LockError`: `lockLost` if we do not lead any more, `unreachable`.
  public func proclaim(_ value: String) async throws(LockError) {
    try self.held.ensureHeld()
    let request = EtcdTxnRequest(
      if: [.created(self.node.key, at: self.node.revision)],
      then: [.put(self.node.key, Array(value.utf8), lease: nil)]
    )
    let client = self.locks.client
    let isDone: Bool
    do throws(EtcdError) {
      let timeout = client.configuration.requestTimeout
      isDone = try await client.connections.call(EtcdMethods.txn, request, timeout: timeout).succeeded
    } catch {
      throw LockError(self.held.name, error)
    }
    guard isDone else { throw .lost(self.held.name, because: "its key is gone") }
  }

  /// Steps back, so that the next candidate leads.
  ///
  /// - Throws: `LockError` with code `lockLost` if the leadership had ended before.
  public consuming func resign() async throws(LockError) {
    try await self.lease.release()
  }
}
#endif
