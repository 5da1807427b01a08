/// As much of a ZooKeeper server as the queue of one lock sees: a directory of ephemeral sequential nodes, which may be replaced in their
/// places, sessions, and watches that fire on deletion.
struct ModelServer {
  struct Node {
    var name: String
    var czxid: Int64
    var session: UInt64
    /// What its name begins with: the attempt that made it.
    var identifier: String
    var marker: ModelMarker
    /// The number in its name.
    var number: Int64
    /// Whether it was created after the connection had been lost on which that was asked for.
    var isLate = false
  }

  struct LateCreate {
    var identifier: String
    var marker: ModelMarker
    var session: UInt64
  }

  struct Watch: Hashable {
    var session: UInt64
    var name: String
    /// The attempt that waits for it, or nil for a watch on one's own node.
    var attempt: UInt64?
  }

  /// By number.
  private(set) var nodes: [Node] = []
  /// Creates that have been read from connections that are lost, and are still to be carried out.
  var lateCreates: [LateCreate] = []
  private(set) var watches: [Watch] = []
  var isDirectoryMade: Bool
  private var zxid: Int64 = 0

  init(isDirectoryMade: Bool) {
    self.isDirectoryMade = isDirectoryMade
  }

  mutating func create(_ identifier: String, _ marker: ModelMarker, session: UInt64) -> Node? {
    guard self.isDirectoryMade else { return nil }
    return self.create(identifier, marker, number: nil, session: session)
  }

  /// - Parameter number: The number in the node's name; nil for the next one.
  @discardableResult
  mutating func create(_ identifier: String, _ marker: ModelMarker, number: Int64?, session: UInt64) -> Node {
    self.zxid += 1
    let number = number ?? self.zxid
    let node = Node(
      name: "\(identifier)\(marker.letter)\(number)",
      czxid: self.zxid,
      session: session,
      identifier: identifier,
      marker: marker,
      number: number
    )
    self.nodes.insert(node, at: self.nodes.firstIndex { $0.number > number } ?? self.nodes.count)
    return node
  }

  /// Carries out a create that was read from a connection which is lost.
  mutating func arrive(_ number: Int) {
    let create = self.lateCreates.remove(at: number)
    guard self.create(create.identifier, create.marker, session: create.session) != nil else { return }
    self.nodes[self.nodes.count - 1].isLate = true
  }

  func place(of name: String) -> Int? {
    for index in self.nodes.indices where self.nodes[index].name == name { return index }
    return nil
  }

  mutating func watch(_ watch: Watch) -> Bool {
    guard self.place(of: watch.name) != nil else { return false }
    if !self.watches.contains(watch) { self.watches.append(watch) }
    return true
  }

  /// - Returns: The watches that fire; nil if there is no such node.
  mutating func delete(_ name: String) -> [Watch]? {
    guard let place = self.place(of: name) else { return nil }
    self.zxid += 1
    self.nodes.remove(at: place)
    let fired = self.watches.filter { $0.name == name }
    self.watches.removeAll { $0.name == name }
    return fired
  }

  /// Puts a node in the place of another, in one transaction.
  ///
  /// - Parameter keepsNumber: Whether the new node has the number of the old one.
  /// - Returns: The new node, and the watches that fire; nil if there is nothing to replace.
  mutating func replace(
    _ name: String,
    by marker: ModelMarker,
    keepsNumber: Bool = true
  ) -> (node: Node, fired: [Watch])? {
    guard let place = self.place(of: name) else { return nil }
    let old = self.nodes[place]
    let fired = self.delete(name) ?? []
    let number = keepsNumber ? old.number : nil
    return (self.create(old.identifier, marker, number: number, session: old.session), fired)
  }

  /// Takes the watches of a connection away: it was lost, or the client has no use for them any more.
  mutating func forgetWatches(of session: UInt64, where isMeant: (Watch) -> Bool = { _ in true }) {
    self.watches.removeAll { $0.session == session && isMeant($0) }
  }

  /// - Returns: The watches of others that fire, oldest node first.
  mutating func expire(_ session: UInt64) -> [Watch] {
    self.forgetWatches(of: session)
    self.lateCreates.removeAll { $0.session == session }
    return self.nodes.filter { $0.session == session }.flatMap { self.delete($0.name) ?? [] }
  }
}
