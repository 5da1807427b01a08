internal import LatchkeyPrimitives

extension ZooKeeperClient {
  /// Looks whether a node exists and watches it: for its creation, its deletion, and new data.
  ///
  /// - Parameter path: The node.
  /// - Returns: Its metadata, nil if it does not exist; and the watch.
  /// - Throws: ``ZooKeeperError``.
  public func existsWatching(_ path: String) async throws(ZooKeeperError) -> (stat: Stat?, watch: Watch) {
    try NodePath.check(path, "exists")
    return try await self.askWatching(.exists, path) { session, id, done in
      session.exists(path, watch: id, done)
    }
  }

  /// Reads a node and watches it: for new data and its deletion.
  ///
  /// - Parameter path: The node.
  /// - Returns: Its data and metadata; and the watch.
  /// - Throws: ``ZooKeeperError``: `noNode`, `noAuth`, …; no watch is set then.
  public func getWatching(
    _ path: String
  ) async throws(ZooKeeperError) -> (data: [UInt8], stat: Stat, watch: Watch) {
    try NodePath.check(path, "get")
    let (value, watch) = try await self.askWatching(.data, path) { session, id, done in
      session.get(path, watch: id, done)
    }
    return (value.0, value.1, watch)
  }

  /// Lists a node's children and watches them: for children that come and go, and the node's deletion.
  ///
  /// - Parameter path: The node.
  /// - Returns: The children's names and the node's metadata; and the watch.
  /// - Throws: ``ZooKeeperError``: `noNode`, `noAuth`, …; no watch is set then.
  public func childrenWatching(
    of path: String
  ) async throws(ZooKeeperError) -> (names: [String], stat: Stat, watch: Watch) {
    try NodePath.check(path, "children")
    let (value, watch) = try await self.askWatching(.children, path) { session, id, done in
      session.children(path, watch: id, done)
    }
    return (value.0, value.1, watch)
  }

  private func askWatching<Value: Sendable>(
    _ kind: WatchRegistry<@Sendable (WatchEvent) -> Void>.Kind,
    _ path: String,
    _ request: (ZKSession, UInt64, @escaping @Sendable (Result<Value, ZooKeeperError>) -> Void) -> Void
  ) async throws(ZooKeeperError) -> (Value, Watch) {
    let event = OneShot<WatchEvent?>()
    // Made with the request, so that a cancelled caller drops it.
    var watch: Watch?
    let value = try await self.ask("watch", path) { session, done in
      let id = session.addWatch(kind, path: path) { event.resolve($0) }
      watch = Watch(event, path: path, session: session, id: id)
      request(session, id, done)
    }
    guard let watch else { preconditionFailure("an answer came without a request") }
    return (value, watch)
  }
}
