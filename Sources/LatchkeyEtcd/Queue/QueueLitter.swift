#if Etcd
/// What a queue has left behind and still has to clean up: keys to delete, attempts whose answer is outstanding, and keys
/// that may come back.
///
/// A request that was sent twice may be carried out twice, the second time after its key was deleted: a server that was
/// stopped for a while does that. The key would stand in everybody's way until the session ends, so such keys are deleted
/// again from time to time, as long as the session lives.
struct QueueLitter: Sendable {
  /// More than this many connections that break in the middle of an attempt, within one session, are not expected.
  private static let maximumDoubtful = 64

  private var deletes: Set<QueueNode> = []
  /// Abandoned attempts, and the session of each.
  private var entries: [UInt64: UInt64] = [:]
  private var doubtful: [QueueNode] = []

  var isEmpty: Bool { self.deletes.isEmpty && self.entries.isEmpty && self.doubtful.isEmpty }

  func contains(_ node: QueueNode) -> Bool { self.deletes.contains(node) }

  mutating func delete(_ node: QueueNode) -> [QueueAction] {
    self.deletes.insert(node).inserted ? [.delete(node)] : []
  }

  mutating func deleted(_ node: QueueNode) -> [QueueAction] {
    self.deletes.remove(node) == nil ? [] : [.releaseSettled(node)]
  }

  /// Waits for the answer to an abandoned attempt.
  mutating func expectEntry(_ attempt: QueueMachine.Attempt) {
    self.entries[attempt.number] = attempt.session
  }

  /// Deals with the answer to an attempt that is no longer waited for.
  mutating func lateEntry(_ number: UInt64, _ result: Result<QueueEntry, QueueFailure>) -> [QueueAction] {
    guard self.entries.removeValue(forKey: number) != nil else { return [] }
    guard case .success(.entered(let node, _)) = result else { return [] }
    return self.delete(node)
  }

  mutating func doubt(_ node: QueueNode) {
    self.doubtful.append(node)
    if self.doubtful.count > Self.maximumDoubtful { self.doubtful.removeFirst() }
  }

  /// Deletes once more what may have come back, whatever its revision, except a key that is in use.
  mutating func sweep(except node: QueueNode?) -> [QueueAction] {
    self.doubtful.filter { $0.key != node?.key }.flatMap { node in
      self.delete(QueueNode(key: node.key, revision: QueueNode.anyRevision, session: node.session))
    }
  }

  mutating func sessionEnded(_ session: UInt64) -> [QueueAction] {
    let settled = self.deletes.filter { $0.session == session }
    self.deletes.subtract(settled)
    for (number, of) in self.entries where of == session { self.entries[number] = nil }
    self.doubtful.removeAll { $0.session == session }
    return settled.map { .releaseSettled($0) }
  }

  mutating func clear() -> [QueueAction] {
    let settled = self.deletes
    (self.deletes, self.entries, self.doubtful) = ([], [:], [])
    return settled.map { .releaseSettled($0) }
  }
}
#endif
