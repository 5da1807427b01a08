extension ZKSession {
  /// Reads a node and watches it, for new data and its deletion.
  ///
  /// - Parameters:
  ///   - path: The node.
  ///   - onEvent: Called at most once, never before `done`.
  ///   - done: Called once; on failure no watch is set.
  /// - Returns: A number for ``removeWatch(_:)``.
  package func get(
    _ path: String,
    onEvent: @escaping @Sendable (WatchEvent) -> Void,
    _ done: @escaping @Sendable (Result<([UInt8], Stat), ZooKeeperError>) -> Void
  ) -> UInt64 {
    let id = self.addWatch(.data, path: path, onEvent)
    self.get(path, watch: id, done)
    return id
  }

  /// Lists a node's children and watches them: for children that come and go, and the node's deletion.
  package func children(
    _ path: String,
    onEvent: @escaping @Sendable (WatchEvent) -> Void,
    _ done: @escaping @Sendable (Result<([String], Stat), ZooKeeperError>) -> Void
  ) -> UInt64 {
    let id = self.addWatch(.children, path: path, onEvent)
    self.children(path, watch: id, done)
    return id
  }

  /// Looks whether a node exists and watches it: for its creation, its deletion, and new data.
  package func exists(
    _ path: String,
    onEvent: @escaping @Sendable (WatchEvent) -> Void,
    _ done: @escaping @Sendable (Result<Stat?, ZooKeeperError>) -> Void
  ) -> UInt64 {
    let id = self.addWatch(.exists, path: path, onEvent)
    self.exists(path, watch: id, done)
    return id
  }
}
