#if Etcd
internal import Latchkey

/// What a queue has left behind and still has to clean up: keys to delete, attempts whose answer is outstanding, and keys
/// that may come back.
///
/// It also knows which keys may be used: a few are used again and again. Until its history is compacted, a server's index
/// keeps every key that ever was, and each read of a queue walks over all below the prefix: with a new key for every
/// acquisition, each would make the next slower.
///
/// A request that was sent twice may be carried out twice, the second time after its key was deleted: a server that was
/// stopped for a while does that. The key would stand in everybody's way until the session ends, so such keys are deleted
/// again from time to time, until as many copies have shown up as there can be, or for so long that none can be on its way
/// any more.
struct KeyQueueLitter: Sendable {
  /// A key that may come back.
  struct Doubt: Sendable {
    let node: KeyQueueNode
    /// How many copies of the request that creates it may still be carried out.
    var copies: Int
    /// How many more sweeps that find nothing end the doubt.
    var sweepsLeft: Int
    /// Whether the servers have refused to delete it, so that it may stand.
    var isRefused = false
    var isBeingSwept = false
  }

  private(set) var deletes: Set<KeyQueueNode> = []
  /// Abandoned attempts by their numbers.
  private(set) var entries: [UInt64: KeyQueue.Attempt] = [:]
  private(set) var doubtful: [Doubt] = []
  /// How many sweeps that find nothing end a doubt.
  let sweeps: Int

  init(sweeps: Int) {
    self.sweeps = sweeps
  }

  var isEmpty: Bool { self.deletes.isEmpty && self.entries.isEmpty && self.doubtful.isEmpty }

  func contains(_ node: KeyQueueNode) -> Bool { self.deletes.contains(node) }

  /// Whether the key may come back, or may never have gone.
  func doubts(_ key: [UInt8]) -> Bool { self.doubtful.contains { $0.node.key == key } }

  mutating func delete(_ node: KeyQueueNode) -> [KeyQueueAction] {
    self.deletes.insert(node).inserted ? [.send(.delete(node))] : []
  }

  mutating func deleted(_ node: KeyQueueNode, isGone: Bool, wasThere: Bool) -> [KeyQueueAction] {
    guard self.deletes.remove(node) != nil else { return [] }
    if isGone {
      self.swept(node, wasThere: wasThere)
    } else {
      self.doubt(node, copies: 0, isRefused: true)
    }
    return [.releaseSettled(node, isConfirmed: true)]
  }

  /// The first of the session's keys of which nothing is left and nothing can come back.
  var freeSlot: UInt64 {
    let occupied = Set(
      self.deletes.map(\.slot) + self.entries.values.map(\.slot) + self.doubtful.map(\.node.slot)
    )
    var slot: UInt64 = 0
    while occupied.contains(slot) { slot += 1 }
    return slot
  }

  /// Waits for the answer to an abandoned attempt.
  mutating func expectEntry(_ attempt: KeyQueue.Attempt) {
    self.entries[attempt.number] = attempt
  }

  /// Deals with the answer to an attempt that is no longer waited for.
  ///
  /// - Parameter written: The key to delete if the servers failed to carry the attempt out, or only said so.
  mutating func lateEntry(
    _ number: UInt64,
    _ result: Result<KeyQueueEntry, KeyQueueFailure>,
    written: KeyQueueNode?
  ) -> [KeyQueueAction] {
    guard self.entries.removeValue(forKey: number) != nil else { return [] }
    switch result {
    case .success(.entered(let node, _)): return self.delete(node)
    case .failure(.failed): return written.map { self.delete($0) } ?? []
    default: return []
    }
  }

  // MARK: Doubt

  /// - Parameters:
  ///   - node: A key that may come back.
  ///   - copies: How many copies of the request that creates it may still be carried out.
  ///   - isRefused: Whether the servers have refused to delete it.
  mutating func doubt(_ node: KeyQueueNode, copies: Int, isRefused: Bool = false) {
    if let index = self.doubtful.firstIndex(where: { $0.node.key == node.key }) {
      self.doubtful[index].copies += copies
      self.doubtful[index].isRefused = self.doubtful[index].isRefused || isRefused
      self.doubtful[index].isBeingSwept = false
    } else {
      self.doubtful.append(Doubt(node: node, copies: copies, sweepsLeft: self.sweeps, isRefused: isRefused))
    }
  }

  /// Deletes once more what may have come back, whatever its revision, except a key that is in use.
  mutating func sweep(except node: KeyQueueNode?) -> [KeyQueueAction] {
    self.doubtful.indices.flatMap { index -> [KeyQueueAction] in
      let doubtful = self.doubtful[index].node
      guard doubtful.key != node?.key else { return [] }
      let actions = self.delete(
        KeyQueueNode(
          key: doubtful.key,
          slot: doubtful.slot,
          revision: KeyQueueNode.anyRevision,
          session: doubtful.session
        )
      )
      if !actions.isEmpty { self.doubtful[index].isBeingSwept = true }
      return actions
    }
  }

  /// A key is gone that may have been in doubt.
  private mutating func swept(_ node: KeyQueueNode, wasThere: Bool) {
    guard
      node.revision == KeyQueueNode.anyRevision,
      let index = self.doubtful.firstIndex(where: { $0.node.key == node.key && $0.isBeingSwept })
    else { return }
    var doubt = self.doubtful[index]
    doubt.isBeingSwept = false
    // What the servers had refused to delete was no copy.
    if wasThere, !doubt.isRefused { doubt.copies -= 1 }
    if !wasThere { doubt.sweepsLeft -= 1 }
    doubt.isRefused = false
    self.doubtful[index] = doubt
    if doubt.copies <= 0 || doubt.sweepsLeft <= 0 { self.doubtful.remove(at: index) }
  }

  // MARK: The end

  mutating func sessionEnded(_ session: UInt64) -> [KeyQueueAction] {
    let settled = self.deletes.filter { $0.session == session }
    self.deletes.subtract(settled)
    for (number, of) in self.entries where of.session == session { self.entries[number] = nil }
    self.doubtful.removeAll { $0.node.session == session }
    return settled.map { .releaseSettled($0, isConfirmed: true) }
  }

  mutating func clear() -> [KeyQueueAction] {
    let settled = self.deletes
    (self.deletes, self.entries, self.doubtful) = ([], [:], [])
    return settled.map { .releaseSettled($0, isConfirmed: true) }
  }
}
#endif
