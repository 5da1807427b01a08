internal import LatchkeyPrimitives

extension ZooKeeperClient {
  /// Creates a node.
  ///
  /// - Parameters:
  ///   - path: The node's path; the server appends a number to it if the mode is sequential.
  ///   - data: The node's data.
  ///   - mode: How long the node lives and how it is named.
  ///   - acl: Who may do what with it; nil for the configuration's default.
  /// - Returns: The path that was created, and the new node's metadata.
  /// - Throws: ``ZooKeeperError``: `nodeExists`, `noNode` if the parent is missing, `noAuth`, …
  @discardableResult
  public func create(
    _ path: String,
    data: [UInt8] = [],
    mode: CreateMode = .persistent,
    acl: [ACL]? = nil
  ) async throws(ZooKeeperError) -> (path: String, stat: Stat) {
    try NodePath.check(path, "create", isSequential: mode.isSequential)
    let created = try await self.ask("create", path) { session, done in
      session.create(path, data: data, mode: mode, acl: acl ?? self.configuration.defaultACL, done)
    }
    return (created.path, created.stat)
  }

  /// Creates a node and those above it that are missing, as containers: the servers remove them some time after their last
  /// child is gone. Nodes that exist are left as they are.
  ///
  /// - Parameters:
  ///   - path: The node's path.
  ///   - acl: Who may do what with new nodes; nil for the configuration's default.
  /// - Throws: ``ZooKeeperError``.
  public func createParents(_ path: String, acl: [ACL]? = nil) async throws(ZooKeeperError) {
    try NodePath.check(path, "create")
    guard path != "/" else { return }
    try await self.ask("create", path) { session, done in
      session.createContainers(path, acl: acl ?? self.configuration.defaultACL) { code in
        done(code == .ok ? .success(()) : .failure(ZooKeeperError(code, operation: "create", path: path)))
      }
    }
  }

  /// Reads a node.
  ///
  /// - Parameter path: The node.
  /// - Returns: Its data and metadata.
  /// - Throws: ``ZooKeeperError``: `noNode`, `noAuth`, …
  public func get(_ path: String) async throws(ZooKeeperError) -> (data: [UInt8], stat: Stat) {
    try NodePath.check(path, "get")
    return try await self.ask("get", path) { session, done in session.get(path, done) }
  }

  /// Replaces a node's data.
  ///
  /// - Parameters:
  ///   - path: The node.
  ///   - data: The new data.
  ///   - version: The version that the node must have; nil for any.
  /// - Returns: The node's new metadata.
  /// - Throws: ``ZooKeeperError``: `noNode`, `badVersion`, `noAuth`, …
  @discardableResult
  public func set(_ path: String, data: [UInt8], version: Int32? = nil) async throws(ZooKeeperError) -> Stat {
    try NodePath.check(path, "set")
    return try await self.ask("set", path) { session, done in
      session.set(path, data: data, version: version ?? -1, done)
    }
  }

  /// Deletes a node.
  ///
  /// - Parameters:
  ///   - path: The node.
  ///   - version: The version that the node must have; nil for any.
  /// - Throws: ``ZooKeeperError``: `noNode`, `badVersion`, `notEmpty`, `noAuth`, …
  public func delete(_ path: String, version: Int32? = nil) async throws(ZooKeeperError) {
    try NodePath.check(path, "delete")
    try await self.askCode("delete", path) { session, done in session.delete(path, version: version ?? -1, done) }
  }

  /// Looks whether a node exists.
  ///
  /// - Parameter path: The node.
  /// - Returns: Its metadata; nil if it does not exist.
  /// - Throws: ``ZooKeeperError``.
  public func exists(_ path: String) async throws(ZooKeeperError) -> Stat? {
    try NodePath.check(path, "exists")
    return try await self.ask("exists", path) { session, done in session.exists(path, done) }
  }

  /// Lists a node's children.
  ///
  /// - Parameter path: The node.
  /// - Returns: The children's names, in no order.
  /// - Throws: ``ZooKeeperError``: `noNode`, `noAuth`, …
  public func children(of path: String) async throws(ZooKeeperError) -> [String] {
    try NodePath.check(path, "children")
    return try await self.ask("children", path) { session, done in session.children(path, watch: nil, done) }.0
  }

  /// Makes the server that this client is connected to catch up with its leader: a read that follows sees every write that
  /// was finished before.
  ///
  /// - Parameter path: A node that the reads are about.
  /// - Throws: ``ZooKeeperError``.
  public func sync(_ path: String = "/") async throws(ZooKeeperError) {
    try NodePath.check(path, "sync")
    try await self.askCode("sync", path) { session, done in session.sync(path, done) }
  }

  /// Reads who may do what with a node.
  ///
  /// - Parameter path: The node.
  /// - Returns: The access control list and the node's metadata.
  /// - Throws: ``ZooKeeperError``: `noNode`, `noAuth`, …
  public func acl(of path: String) async throws(ZooKeeperError) -> (acl: [ACL], stat: Stat) {
    try NodePath.check(path, "getACL")
    return try await self.ask("getACL", path) { session, done in session.getACL(path, done) }
  }

  /// Replaces a node's access control list.
  ///
  /// - Parameters:
  ///   - path: The node.
  ///   - acl: Who may do what.
  ///   - aclVersion: The ``Stat/aclVersion`` that the node must have; nil for any.
  /// - Throws: ``ZooKeeperError``: `noNode`, `badVersion`, `invalidACL`, `noAuth`, …
  public func setACL(_ path: String, _ acl: [ACL], aclVersion: Int32? = nil) async throws(ZooKeeperError) {
    try NodePath.check(path, "setACL")
    try await self.askCode("setACL", path) { session, done in
      session.setACL(path, acl, version: aclVersion ?? -1, done)
    }
  }

  /// Says who the client is, in addition to the configuration's credentials: to this session and to all that follow.
  ///
  /// The client keeps the credential from the call on, whatever becomes of the call. It returns when the servers have accepted
  /// the credential; a connection that is lost meanwhile is waited for.
  ///
  /// - Parameter credential: The credential.
  /// - Throws: ``ZooKeeperError``: `authFailed` if the servers refuse it, also over a later connection; the client is then
  ///   closed. `connectionLoss` if there is no connection within the connect timeout, `cancelled`: the servers are told when
  ///   there is one.
  public func addAuth(_ credential: Credential) async throws(ZooKeeperError) {
    self.state.withLock { state in
      if !state.credentials.contains(credential) { state.credentials.append(credential) }
    }
    while true {
      let session = try await self.session(for: "addAuth", nil)
      let answer = OneShot<Result<Stat?, ZooKeeperError>>()
      if session.presentCredentials() {
        // Credentials go before requests: a server that answers one has accepted them, or it would have hung up.
        session.exists("/") { answer.resolve($0) }
      } else {
        // Between two connections, which we have not been told yet.
        answer.resolve(.failure(ZooKeeperError(.connectionLoss, operation: "addAuth")))
        guard (try? await Task.sleep(for: .milliseconds(10))) != nil else {
          throw ZooKeeperError(.cancelled, operation: "addAuth")
        }
      }
      let outcome = await answer.wait(cancelled: .failure(ZooKeeperError(.cancelled, operation: "addAuth")))
      switch outcome.code {
      case .connectionLoss, .operationTimeout, .runtimeInconsistency, .sessionMoved, .sessionExpired, .invalidState:
        continue
      case .authFailed, .closed, .cancelled: throw ZooKeeperError(outcome.code, operation: "addAuth")
      default: return
      }
    }
  }

  // MARK: - Plumbing

  /// Makes a request on the present session and waits for its answer.
  ///
  /// A cancelled task gets `cancelled` at once; the request is not taken back. Without a connection the request waits for
  /// one, up to the connect timeout.
  func ask<Value: Sendable>(
    _ operation: String,
    _ path: String?,
    _ request: (ZKSession, @escaping @Sendable (Result<Value, ZooKeeperError>) -> Void) -> Void
  ) async throws(ZooKeeperError) -> Value {
    let session = try await self.session(for: operation, path)
    let answer = OneShot<Result<Value, ZooKeeperError>>()
    request(session) { answer.resolve($0) }
    return try await answer.get(
      cancelled: ZooKeeperError(
        .cancelled,
        operation: operation,
        path: path,
        detail: "the request may still be carried out"
      )
    )
  }

  private func session(for operation: String, _ path: String?) async throws(ZooKeeperError) -> ZKSession {
    do throws(ZooKeeperError) {
      return try await self.waitForSession(within: self.configuration.connectTimeout)
    } catch {
      var error = error
      (error.operation, error.path) = (operation, path)
      throw error
    }
  }

  /// As ``ask(_:_:_:)`` for requests that are answered by a code alone.
  func askCode(
    _ operation: String,
    _ path: String?,
    _ request: (ZKSession, @escaping @Sendable (ZooKeeperCode) -> Void) -> Void
  ) async throws(ZooKeeperError) {
    try await self.ask(operation, path) { (session, done: @escaping @Sendable (Result<Void, ZooKeeperError>) -> Void) in
      request(session) { code in
        done(code == .ok ? .success(()) : .failure(ZooKeeperError(code, operation: operation, path: path)))
      }
    }
  }
}
