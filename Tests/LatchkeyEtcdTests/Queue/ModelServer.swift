#if Etcd
@testable import LatchkeyEtcd

/// The keys of one lock as an etcd server has them.
struct ModelServer {
  struct Key {
    let name: [UInt8]
    let revision: Int64
    let session: UInt64
  }

  private(set) var keys: [Key] = []
  private(set) var sessions: Set<UInt64>
  private var revision: Int64 = 1

  init(sessions: Set<UInt64>) {
    self.sessions = sessions
  }

  func has(_ node: QueueNode) -> Bool { self.keys.contains { $0.name == node.key && $0.revision == node.revision } }

  mutating func begin(_ session: UInt64) { self.sessions.insert(session) }

  /// - Returns: The keys that go with it.
  mutating func end(_ session: UInt64) -> [[UInt8]] {
    self.sessions.remove(session)
    defer { self.keys.removeAll { $0.session == session } }
    return self.keys.filter { $0.session == session }.map(\.name)
  }

  mutating func enter(_ name: [UInt8], slot: UInt64, session: UInt64, onlyIfEmpty: Bool) -> Result<
    QueueEntry, QueueFailure
  > {
    guard self.sessions.contains(session) else { return .failure(.sessionOver) }
    if let own = self.keys.first(where: { $0.name == name }) {
      return .success(
        .entered(QueueNode(key: name, slot: slot, revision: own.revision, session: session), self.view(of: own))
      )
    }
    guard self.keys.isEmpty || !onlyIfEmpty else { return .success(.busy(QueueView(ahead: self.keys.count))) }
    self.revision += 1
    let key = Key(name: name, revision: self.revision, session: session)
    self.keys.append(key)
    return .success(
      .entered(QueueNode(key: name, slot: slot, revision: key.revision, session: session), self.view(of: key))
    )
  }

  func check(_ node: QueueNode) -> Result<QueueCheck, QueueFailure> {
    guard self.sessions.contains(node.session) else { return .failure(.sessionOver) }
    guard let own = self.keys.first(where: { $0.name == node.key && $0.revision == node.revision }) else {
      return .success(.gone)
    }
    return .success(.standing(self.view(of: own)))
  }

  /// - Returns: Whether there was something to delete.
  mutating func delete(_ name: [UInt8], revision: Int64) -> Bool {
    let count = self.keys.count
    self.keys.removeAll { $0.name == name && (revision == QueueNode.anyRevision || $0.revision == revision) }
    return self.keys.count < count
  }

  private func view(of own: Key) -> QueueView {
    let ahead = self.keys.filter { $0.revision < own.revision }.sorted { $0.revision < $1.revision }
    return QueueView(predecessor: ahead.last?.name, isNext: ahead.count == 1, ahead: ahead.count)
  }
}
#endif
