#if Etcd
@testable import LatchkeyEtcd

/// The keys of one lock as an etcd server has them, and the leases that they are bound to.
struct ModelServer {
  struct Key {
    let name: [UInt8]
    let revision: Int64
    let session: UInt64
  }

  /// Oldest first.
  private(set) var keys: [Key] = []
  private(set) var sessions: [UInt64]
  private(set) var revision: Int64 = 1

  init(sessions: [UInt64]) {
    self.sessions = sessions
  }

  func place(of name: [UInt8]) -> Int? {
    for index in self.keys.indices where self.keys[index].name == name { return index }
    return nil
  }

  func has(_ node: QueueNode) -> Bool { self.place(of: node.key).map { self.keys[$0].revision } == node.revision }

  mutating func begin(_ session: UInt64) { self.sessions.append(session) }

  /// - Returns: The keys that go with it.
  mutating func end(_ session: UInt64) -> [[UInt8]] {
    self.sessions.removeAll { $0 == session }
    let gone = self.keys.filter { $0.session == session }.map(\.name)
    guard !gone.isEmpty else { return [] }
    self.revision += 1
    self.keys.removeAll { $0.session == session }
    return gone
  }

  mutating func enter(
    _ name: [UInt8],
    slot: UInt64,
    session: UInt64,
    onlyIfEmpty: Bool
  ) -> Result<QueueEntry, QueueFailure> {
    guard self.sessions.contains(session) else { return .failure(.sessionOver) }
    if self.place(of: name) == nil {
      guard self.keys.isEmpty || !onlyIfEmpty else { return .success(.busy(QueueView(ahead: self.keys.count))) }
      self.revision += 1
      self.keys.append(Key(name: name, revision: self.revision, session: session))
    }
    guard let place = self.place(of: name) else { return .success(.gone) }
    let node = QueueNode(key: name, slot: slot, revision: self.keys[place].revision, session: session)
    return .success(.entered(node, self.view(of: place)))
  }

  func check(_ node: QueueNode) -> Result<QueueCheck, QueueFailure> {
    guard self.sessions.contains(node.session) else { return .failure(.sessionOver) }
    guard self.has(node), let place = self.place(of: node.key) else { return .success(.gone) }
    return .success(.standing(self.view(of: place)))
  }

  /// - Returns: Whether there was something to delete.
  mutating func delete(_ name: [UInt8], revision: Int64) -> Bool {
    guard let place = self.place(of: name) else { return false }
    guard revision == QueueNode.anyRevision || self.keys[place].revision == revision else { return false }
    self.revision += 1
    self.keys.remove(at: place)
    return true
  }

  private func view(of place: Int) -> QueueView {
    let predecessor = place > 0 ? self.keys[place - 1].name : nil
    return QueueView(predecessor: predecessor, isNext: place == 1, ahead: place, revision: self.revision)
  }
}
#endif
