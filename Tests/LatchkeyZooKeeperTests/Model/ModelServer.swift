@testable import LatchkeyZooKeeper

/// As much of a ZooKeeper server as the queue of one lock sees: a directory of ephemeral sequential nodes, sessions, and
/// watches that fire on deletion.
struct ModelServer {
  struct Node: Hashable {
    var name: String
    var number: Int
    var czxid: Int64
    var session: UInt64
  }

  struct Watch: Hashable {
    var session: UInt64
    var name: String
    /// The attempt that waits for it, or nil for a watch on one's own node.
    var attempt: UInt64?
  }

  private(set) var nodes: [Node] = []
  private(set) var watches: Set<Watch> = []
  private(set) var isDirectoryMade = false
  private var nextNumber = 0
  private var zxid: Int64 = 0

  mutating func makeDirectory() {
    self.isDirectoryMade = true
  }

  mutating func create(_ identifier: String, session: UInt64) -> Result<QueueNode, QueueFailure> {
    guard self.isDirectoryMade else { return .failure(.noNode) }
    self.zxid += 1
    let node = Node(
      name: "_c_\(identifier)-lock-\(self.nextNumber)",
      number: self.nextNumber,
      czxid: self.zxid,
      session: session
    )
    self.nextNumber += 1
    self.nodes.append(node)
    return .success(QueueNode(name: node.name, czxid: node.czxid, session: session))
  }

  func view(own: String?, identifier: String) -> Result<QueueView, QueueFailure> {
    guard self.isDirectoryMade else { return .failure(.noNode) }
    let names = self.nodes.map(\.name)
    let index = own.flatMap { own in names.firstIndex(of: own) }
    let view = QueueView(
      ownIndex: index,
      predecessor: index.flatMap { $0 > 0 ? names[$0 - 1] : nil },
      first: names.first,
      count: names.count,
      matches: names.filter { $0.hasPrefix("_c_\(identifier)-") }
    )
    return .success(view)
  }

  func node(_ name: String) -> Node? { self.nodes.first { $0.name == name } }

  mutating func watch(_ watch: Watch) -> Result<Void, QueueFailure> {
    guard self.node(watch.name) != nil else { return .failure(.noNode) }
    self.watches.insert(watch)
    return .success(())
  }

  /// - Returns: The watches that fire.
  mutating func delete(_ name: String) -> Result<[Watch], QueueFailure> {
    guard self.node(name) != nil else { return .failure(.noNode) }
    self.zxid += 1
    self.nodes.removeAll { $0.name == name }
    let fired = self.watches.filter { $0.name == name }
    self.watches.subtract(fired)
    return .success(fired.sorted { ($0.session, $0.attempt ?? 0) < ($1.session, $1.attempt ?? 0) })
  }

  /// Takes the watches of a lost connection away; the client knows them and sets them again.
  mutating func forgetWatches(of session: UInt64) {
    self.watches = self.watches.filter { $0.session != session }
  }

  /// - Returns: The watches of others that fire, oldest node first.
  mutating func expire(_ session: UInt64) -> [Watch] {
    self.forgetWatches(of: session)
    var fired: [Watch] = []
    for node in self.nodes where node.session == session {
      if case .success(let watches) = self.delete(node.name) { fired += watches }
    }
    return fired
  }
}
