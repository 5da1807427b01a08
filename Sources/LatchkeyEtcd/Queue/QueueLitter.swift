#if Etcd
/// What a queue has left behind and still has to clean up: keys to delete, attempts whose answer is outstanding, and keys
/// that may come back.
///
/// It also knows which keys may be used: a few are used again and again. Until its history is compacted, a server's index
/// keeps every key that ever was, and each read of a queue walks over all below the prefix: with a new key for every
/// acquisition, each would make the next slower.
///
/// A request that was sent twice may be carried out twice, the second time after its key was deleted: a server that was
/// stopped for a while does that. The key would stand in everybody's way until the session ends, so such keys are deleted
/// again from time to time, as long as the session lives.
struct QueueLitter: Sendable {
  private(set) var deletes: Set<QueueNode> = []
  /// Abandoned attempts by their numbers.
  private(set) var entries: [UInt64: QueueMachine.Attempt] = [:]
  private(set) var doubtful: [QueueNode] = []

  var isEmpty: Bool { self.deletes.isEmpty && self.entries.isEmpty && self.doubtful.isEmpty }

  func contains(_ node: QueueNode) -> Bool { self.deletes.contains(node) }

  mutating func delete(_ node: QueueNode) -> [QueueAction] {
    self.deletes.insert(node).inserted ? [.delete(node)] : []
  }

  mutating func deleted(_ node: QueueNode, isGone: Bool) -> [QueueAction] {
    guard self.deletes.remove(node) != nil else { return [] }
    if !isGone { self.doubt(node) }
    return [.releaseSettled(node)]
  }

  /// The first of the session's keys of which nothing is left and nothing can come back.
  var freeSlot: UInt64 {
    let occupied = Set(self.deletes.map(\.slot) + self.entries.values.map(\.slot) + self.doubtful.map(\.slot))
    var slot: UInt64 = 0
    while occupied.contains(slot) { slot += 1 }
    return slot
  }

  /// Waits for the answer to an abandoned attempt.
  mutating func expectEntry(_ attempt: QueueMachine.Attempt) {
    self.entries[attempt.number] = attempt
  }

  /// Deals with the answer to an attempt that is no longer waited for.
  mutating func lateEntry(_ number: UInt64, _ result: Result<QueueEntry, QueueFailure>) -> [QueueAction] {
    guard self.entries.removeValue(forKey: number) != nil else { return [] }
    guard case .success(.entered(let node, _)) = result else { return [] }
    return self.delete(node)
  }

  mutating func doubt(_ node: QueueNode) {
    guard !self.doubtful.contains(where: { $0.key == node.key }) else { return }
    self.doubtful.append(node)
  }

  /// Deletes once more what may have come back, whatever its revision, except a key that is in use.
  mutating func sweep(except node: QueueNode?) -> [QueueAction] {
    self.doubtful.filter { $0.key != node?.key }.flatMap { node in
      self.delete(QueueNode(key: node.key, slot: node.slot, revision: QueueNode.anyRevision, session: node.session))
    }
  }

  mutating func sessionEnded(_ session: UInt64) -> [QueueAction] {
    let settled = self.deletes.filter { $0.session == session }
    self.deletes.subtract(settled)
    for (number, of) in self.entries where of.session == session { self.entries[number] = nil }
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
