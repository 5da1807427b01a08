internal import CZooKeeper
internal import LatchkeyPrimitives

extension ZKSession {
  /// Makes a request whose answer goes to a closure, called once and never before this returns.
  ///
  /// - Parameters:
  ///   - operation: What errors say was tried.
  ///   - path: The node.
  ///   - size: How many bytes the request has besides the path.
  ///   - watch: The watch that the request sets.
  ///   - decode: What the answer means; nil for a failure.
  ///   - done: Where the answer goes.
  ///   - submit: Makes the request with the shim.
  func request<Value: Sendable>(
    _ operation: String,
    _ path: String,
    size: Int = 0,
    watch: UInt64? = nil,
    decode: @escaping @Sendable (czk_reply) -> Value?,
    done: @escaping @Sendable (Result<Value, ZooKeeperError>) -> Void,
    submit: (UnsafeMutableRawPointer) -> Int32
  ) {
    if let error = self.refusal(ofSize: path.utf8.count + size, operation, path) {
      if let watch { self.removeWatch(watch) }
      return Self.later { done(.failure(error)) }
    }
    var reservation: WatchReservation?
    if let watch {
      reservation = self.reserve(watch, path: path)
      guard reservation != nil else { return Self.later { done(.failure(Self.tooManyWatches(operation, path))) } }
    }
    let code = Completion.submit(
      { [reservation] reply in
        self.replied(reservation, reply.code)
        if let value = decode(reply) {
          done(.success(value))
        } else {
          done(.failure(ZooKeeperError(reply.code, operation: operation, path: path)))
        }
      },
      submit
    )
    self.refuse(code, reservation) { done(.failure(ZooKeeperError(code, operation: operation, path: path))) }
  }

  /// As ``request(_:_:size:watch:decode:done:submit:)`` for answers that are a code alone.
  func request(
    size: Int,
    _ done: @escaping @Sendable (ZooKeeperCode) -> Void,
    submit: (UnsafeMutableRawPointer) -> Int32
  ) {
    if let error = self.refusal(ofSize: size, "request", nil) { return Self.later { done(error.code) } }
    let code = Completion.submit({ reply in done(reply.code) }, submit)
    self.refuse(code, nil) { done(code) }
  }

  /// Runs a closure that answers a refused request: not in place, where the caller may hold a lock that the closure takes.
  static func later(_ closure: @escaping @Sendable () -> Void) {
    Task.detached { closure() }
  }

  /// Deletes a node.
  ///
  /// - Parameter version: The version that the node must have; -1 for any.
  package func delete(
    _ path: String,
    version: Int32 = -1,
    _ done: @escaping @Sendable (ZooKeeperCode) -> Void
  ) {
    self.request(size: path.utf8.count) { code in
      if code == .ok || code == .noNode { self.learned(path, owner: nil) }
      done(code)
    } submit: {
      czk_delete(self.pointer, path, version, completionAnswered, $0)
    }
  }

  /// Looks whether a node exists; the stat is nil if it does not.
  package func exists(_ path: String, _ done: @escaping @Sendable (Result<Stat?, ZooKeeperError>) -> Void) {
    self.exists(path, watch: nil, done)
  }

  /// Reads a node.
  package func get(_ path: String, _ done: @escaping @Sendable (Result<([UInt8], Stat), ZooKeeperError>) -> Void) {
    self.get(path, watch: nil, done)
  }

  /// Lists a node's children.
  package func children(_ path: String, _ done: @escaping @Sendable (Result<([String], Stat), ZooKeeperError>) -> Void)
  {
    self.children(path, watch: nil, done)
  }

  func exists(
    _ path: String,
    watch: UInt64?,
    _ done: @escaping @Sendable (Result<Stat?, ZooKeeperError>) -> Void
  ) {
    self.request("exists", path, watch: watch) { reply -> Stat?? in
      if reply.code == .noNode { return .some(nil) }
      // Spelled out: a failure must not become "does not exist" by one optional too many.
      guard let stat = reply.statValue else { return nil }
      return .some(stat)
    } done: { (result: Result<Stat?, ZooKeeperError>) in
      if case .success(let stat) = result { self.learned(path, owner: stat.map(\.ephemeralOwner)) }
      done(result)
    } submit: {
      czk_exists(self.pointer, path, watch != nil, completionAnswered, $0)
    }
  }

  func get(
    _ path: String,
    watch: UInt64?,
    _ done: @escaping @Sendable (Result<([UInt8], Stat), ZooKeeperError>) -> Void
  ) {
    self.request("get", path, watch: watch) { reply in
      reply.statValue.map { (reply.bytes, $0) }
    } done: {
      done($0)
    } submit: {
      czk_get(self.pointer, path, watch != nil, completionAnswered, $0)
    }
  }

  func children(
    _ path: String,
    watch: UInt64?,
    _ done: @escaping @Sendable (Result<([String], Stat), ZooKeeperError>) -> Void
  ) {
    self.request("children", path, watch: watch) { reply in
      reply.statValue.map { (reply.nameValues, $0) }
    } done: {
      done($0)
    } submit: {
      czk_children_stat(self.pointer, path, watch != nil, completionAnswered, $0)
    }
  }

  func refuse(_ code: ZooKeeperCode, _ watch: WatchReservation?, _ answer: @escaping @Sendable () -> Void) {
    guard code != .ok else { return }
    self.replied(watch, code)
    Self.later(answer)
  }

  /// Adds a watch whose request is about to be made.
  func addWatch(
    _ kind: WatchRegistry<@Sendable (WatchEvent) -> Void>.Kind,
    path: String,
    _ handler: @escaping @Sendable (WatchEvent) -> Void
  ) -> UInt64 {
    self.state.withLock { $0.watches.add(kind, path: path, handler: handler) }
  }

  /// Forgets a watch that has not fired. The server keeps its part until the node changes.
  package func removeWatch(_ id: UInt64) {
    _ = self.state.withLock { $0.watches.remove(id) }
  }

  /// Gives the C client the credentials that it does not have yet. It keeps them, and repeats them by itself when it connects
  /// again.
  ///
  /// - Returns: Whether it has them all now; if not, the next connection brings them.
  func presentCredentials() -> Bool {
    self.presented.withLock { count in
      let credentials = self.options.credentials()
      while count < credentials.count {
        guard self.addAuth(credentials[count]) == .ok else { return false }
        count += 1
      }
      return true
    }
  }

  private func addAuth(_ credential: ZooKeeperClient.Credential) -> ZooKeeperCode {
    credential.bytes.withUnsafeBytes { bytes in
      // The C client gives all that wait one answer, whichever credential it is about, so nothing is learnt from it.
      Completion.submit({ _ in }) { context in
        czk_add_auth(
          self.pointer,
          credential.scheme,
          bytes.baseAddress,
          Int32(bytes.count),
          completionAnswered,
          context
        )
      }
    }
  }
}
