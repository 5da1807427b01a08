extension ZooKeeperClient {
  /// One operation of a transaction.
  public struct Operation: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
      case create(data: [UInt8], mode: CreateMode, acl: [ACL]?)
      case delete
      case set(data: [UInt8])
      case check
    }

    let kind: Kind
    /// The node.
    public let path: String
    let version: Int32

    /// Creates a node.
    ///
    /// - Parameters:
    ///   - path: The node's path.
    ///   - data: The node's data.
    ///   - mode: One of the modes without container and TTL: the C client cannot do those in a transaction.
    ///   - acl: Who may do what; nil for the configuration's default.
    /// - Returns: The operation.
    public static func create(
      _ path: String,
      data: [UInt8] = [],
      mode: CreateMode = .persistent,
      acl: [ACL]? = nil
    ) -> Operation {
      Operation(kind: .create(data: data, mode: mode, acl: acl), path: path, version: -1)
    }

    /// Deletes a node.
    ///
    /// - Parameters:
    ///   - path: The node.
    ///   - version: The version that it must have; nil for any.
    /// - Returns: The operation.
    public static func delete(_ path: String, version: Int32? = nil) -> Operation {
      Operation(kind: .delete, path: path, version: version ?? -1)
    }

    /// Replaces a node's data.
    ///
    /// - Parameters:
    ///   - path: The node.
    ///   - data: The new data.
    ///   - version: The version that it must have; nil for any.
    /// - Returns: The operation.
    public static func set(_ path: String, data: [UInt8], version: Int32? = nil) -> Operation {
      Operation(kind: .set(data: data), path: path, version: version ?? -1)
    }

    /// Lets the transaction fail unless a node exists and has a version.
    ///
    /// - Parameters:
    ///   - path: The node.
    ///   - version: The version that it must have; nil for any.
    /// - Returns: The operation.
    public static func check(_ path: String, version: Int32? = nil) -> Operation {
      Operation(kind: .check, path: path, version: version ?? -1)
    }
  }

  /// What one operation of a transaction brought.
  public enum OperationResult: Hashable, Sendable {
    /// The path that was created.
    case created(path: String)
    /// The new metadata of a node whose data was replaced.
    case set(Stat)
    /// A delete or a check, which bring nothing.
    case done
  }

  /// Carries out all operations or none.
  ///
  /// - Parameter operations: What to do, in order.
  /// - Returns: One result for each.
  /// - Throws: ``ZooKeeperError`` with the code and the path of the first operation that failed; its detail says which one.
  @discardableResult
  public func transaction(_ operations: [Operation]) async throws(ZooKeeperError) -> [OperationResult] {
    for operation in operations { try operation.check() }
    guard !operations.isEmpty else { return [] }
    return try await self.ask("transaction", nil) { session, done in
      session.transaction(operations, defaultACL: self.configuration.defaultACL) { done($0.mapError(\.error)) }
    }
  }
}

extension ZooKeeperClient.Operation {
  /// The C client must not see a bad path or mode in a transaction: it frees memory that it never set.
  package func check() throws(ZooKeeperError) {
    guard case .create(_, let mode, let acl) = self.kind else {
      try NodePath.check(self.path, "transaction")
      return
    }
    try NodePath.check(self.path, "transaction", isSequential: mode.isSequential)
    guard mode != .container, mode.ttl == nil else {
      throw ZooKeeperError(
        .badArguments,
        operation: "transaction",
        path: self.path,
        detail: "a transaction cannot create containers or nodes with a TTL; create them before"
      )
    }
    if acl?.isEmpty == true {
      throw ZooKeeperError(.invalidACL, operation: "transaction", path: self.path, detail: "the ACL is empty")
    }
  }
}
