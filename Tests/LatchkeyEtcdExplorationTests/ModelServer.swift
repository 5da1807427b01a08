#if Etcd
@testable import LatchkeyEtcd

/// The keys of one lock as an etcd server has them, and the leases that they are bound to.
struct ModelServer {
  struct Key {
    let name: [UInt8]
    let revision: Int64
    let session: UInt64
  }

  /// By revision, and keys of one revision in the order of their names.
  private(set) var keys: [Key] = []
  private(set) var sessions: [UInt64]
  private(set) var revision: Int64 = 1
  /// While several transactions are carried out as one: what was there before, and the revision that they share.
  private var shared: (before: [Key], revision: Int64)?

  init(sessions: [UInt64]) {
    self.sessions = sessions
  }

  func place(of name: [UInt8]) -> Int? {
    for index in self.keys.indices where self.keys[index].name == name { return index }
    return nil
  }

  func has(_ node: KeyQueueNode) -> Bool { self.place(of: node.key).map { self.keys[$0].revision } == node.revision }

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

  /// What follows is carried out as one transaction: all conditions are evaluated first, each operation sees what those before it have
  /// done, and all that is written has one revision, which is also what reads report from the first write on.
  mutating func beginTogether() { self.shared = (self.keys, self.revision + 1) }

  mutating func endTogether() { self.shared = nil }

  private mutating func write() { self.revision = self.shared?.revision ?? self.revision + 1 }

  /// - Returns: The answer, and whether it was this request that created the key.
  mutating func enter(
    _ name: [UInt8],
    slot: UInt64,
    session: UInt64,
    onlyIfEmpty: Bool
  ) -> (Result<KeyQueueEntry, KeyQueueFailure>, isCreated: Bool) {
    guard self.sessions.contains(session) else { return (.failure(.sessionOver), false) }
    let before = self.shared?.before ?? self.keys
    var isCreated = false
    if !before.contains(where: { $0.name == name }) {
      guard before.isEmpty || !onlyIfEmpty else { return (.success(.busy(KeyQueueView(ahead: before.count))), false) }
      self.write()
      self.keys.append(Key(name: name, revision: self.revision, session: session))
      self.keys.sort { ($0.revision, $0.name[0], $0.name[2]) < ($1.revision, $1.name[0], $1.name[2]) }
      isCreated = true
    }
    guard let place = self.place(of: name) else { return (.success(.gone), false) }
    let node = KeyQueueNode(key: name, slot: slot, revision: self.keys[place].revision, session: session)
    let others = self.keys.indices.filter { isCreated ? $0 != place : self.keys[$0].revision < node.revision }
    return (.success(.entered(node, self.view(behind: others))), isCreated)
  }

  func check(_ node: KeyQueueNode) -> Result<KeyQueueCheck, KeyQueueFailure> {
    guard self.sessions.contains(node.session) else { return .failure(.sessionOver) }
    guard self.has(node) else { return .success(.gone) }
    return .success(.standing(self.view(behind: self.keys.indices.filter { self.keys[$0].revision < node.revision })))
  }

  /// - Returns: Whether there was something to delete.
  mutating func delete(_ name: [UInt8], revision: Int64) -> Bool {
    let before = self.shared?.before ?? self.keys
    guard let key = before.first(where: { $0.name == name }), let place = self.place(of: name) else { return false }
    guard revision == KeyQueueNode.anyRevision || key.revision == revision else { return false }
    self.write()
    self.keys.remove(at: place)
    return true
  }

  /// - Parameter others: The keys that stand before, by their places.
  private func view(behind others: [Int]) -> KeyQueueView {
    let predecessor = others.last.map { self.keys[$0].name }
    return KeyQueueView(
      predecessor: predecessor,
      isNext: others.count == 1,
      ahead: others.count,
      revision: self.revision
    )
  }
}
#endif
