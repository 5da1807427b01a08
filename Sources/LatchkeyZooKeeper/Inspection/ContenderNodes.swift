internal import Latchkey
internal import ZooKeeper

/// Reads the nodes of those who stand in a queue.
struct ContenderNodes: Sendable {
  struct Node: Sendable {
    var name: String
    /// Empty if this client may not read it.
    var data: [UInt8]
    var stat: Stat

    var marker: String? { ContenderIdentity.marker(of: self.name, among: ContenderIdentity.markers) }

    func contender(place: Int, now: Duration) -> LockContender {
      var contender = LockContender(place: place, identity: self.name, handle: Array("\(self.stat.createdBy)".utf8))
      contender.read(note: self.data)
      if self.stat.ephemeralOwner != 0 {
        contender.session = "0x" + String(UInt64(bitPattern: self.stat.ephemeralOwner), radix: 16)
      }
      contender.age = max(.zero, now - .milliseconds(self.stat.creationTime))
      contender.token = FencingToken(major: UInt64(bitPattern: self.stat.createdBy))
      return contender
    }
  }

  let client: ZooKeeperClient
  /// Whether a name is that of a contender's node.
  let isContender: @Sendable (String) -> Bool

  init(client: ZooKeeperClient, isContender: @escaping @Sendable (String) -> Bool) {
    self.client = client
    self.isContender = isContender
  }

  /// - Parameter rule: Who stands in the queue.
  init(client: ZooKeeperClient, rule: GrantRule) {
    self.init(client: client) { rule.blockingMarker(of: $0) != nil }
  }

  /// All contenders' nodes in their order. One that goes away meanwhile is left out.
  func read(in directory: String) async throws(ZooKeeperError) -> [Node] {
    let names: [String]
    do throws(ZooKeeperError) {
      // A server that lags behind must not answer for the others.
      try await self.client.sync(directory)
      names = try await self.client.children(of: directory)
        .filter(self.isContender)
    } catch {
      guard error.code == .noNode else { throw error }
      return []
    }
    var nodes: [Node] = []
    nodes.reserveCapacity(names.count)
    var rest = names[...]
    // Many at a time, but not so many that the client has no room for its own requests.
    while !rest.isEmpty {
      let batch = rest.prefix(256)
      rest = rest.dropFirst(batch.count)
      let results = await withTaskGroup(of: Result<Node?, ZooKeeperError>.self) { group in
        for name in batch { group.addTask { await self.node(name, in: directory) } }
        return await group.reduce(into: []) { $0.append($1) }
      }
      for result in results {
        if let node = try result.get() { nodes.append(node) }
      }
    }
    return Self.inOrder(nodes)
  }

  /// By number, unless numbers have wrapped or are about to.
  private static func inOrder(_ nodes: [Node]) -> [Node] {
    let markers = ContenderIdentity.markers + [ContenderIdentity.leaseMarker]
    let numbered = nodes.map { node in (node: node, number: ContenderIdentity.number(of: node.name, markers: markers)) }
    guard numbered.allSatisfy({ (0..<(1 << 31 - 1 << 20)).contains($0.number) }) else {
      return nodes.sorted { $0.stat.createdBy < $1.stat.createdBy }
    }
    return numbered.sorted { ($0.number, $0.node.name) < ($1.number, $1.node.name) }.map(\.node)
  }

  /// Reads a node; nil if it is gone.
  private func node(_ name: String, in directory: String) async -> Result<Node?, ZooKeeperError> {
    let path = directory + "/" + name
    do throws(ZooKeeperError) {
      do throws(ZooKeeperError) {
        let (data, stat) = try await self.client.get(path)
        return .success(Node(name: name, data: data, stat: stat))
      } catch {
        guard error.code == .noAuth else { throw error }
        return .success(try await self.client.exists(path).map { Node(name: name, data: [], stat: $0) })
      }
    } catch {
      return error.code == .noNode ? .success(nil) : .failure(error)
    }
  }
}
