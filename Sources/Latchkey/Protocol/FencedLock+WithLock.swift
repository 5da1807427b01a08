extension FencedLock {
  /// Runs a body under the lock, with the fencing token of the grant.
  ///
  /// As ``DistributedLock/withLock(within:isolation:_:)``. The body passes the token to the resource that the lock protects, which
  /// refuses what comes with a smaller token than it has seen (see ``FenceState``).
  ///
  /// ```swift
  /// try await locks.lock("orders/42").withLock { held, token in
  ///   try await orders.save(order, fencedBy: token)
  /// }
  /// ```
  ///
  /// - Parameters:
  ///   - timeout: The budget for the wait; nil waits for ever, zero tries once.
  ///   - isolation: The actor to stay on; leave it out.
  ///   - body: What to do under the lock, with its lease and with the token of the grant.
  /// - Returns: What the body returned, if the lock was held until then and given back.
  /// - Throws: As ``DistributedLock/withLock(within:isolation:_:)``; ``LockError/Code/backendFailure`` if the backend breaks its
  ///   promise and grants without a token: the body is not run then.
  public func withLock<R>(
    within timeout: Duration? = nil,
    isolation: isolated (any Actor)? = #isolation,
    _ body: (HeldLock, FencingToken) async throws -> sending R
  ) async throws -> sending R {
    try await self.withLock(within: timeout, isolation: isolation) { held in
      try await body(held, held.promisedToken())
    }
  }

  /// Runs a body under the lock if nobody else has it, with the fencing token of the grant.
  ///
  /// - Parameters:
  ///   - isolation: The actor to stay on; leave it out.
  ///   - body: What to do under the lock, with its lease and with the token of the grant.
  /// - Returns: What the body returned, or nil if somebody else holds the lock.
  /// - Throws: As ``withLock(within:isolation:_:)``.
  public func withLockIfAvailable<R>(
    isolation: isolated (any Actor)? = #isolation,
    _ body: (HeldLock, FencingToken) async throws -> sending R
  ) async throws -> sending R? {
    try await self.withLockIfAvailable(isolation: isolation) { held in
      try await body(held, held.promisedToken())
    }
  }
}

extension HeldLock {
  /// The token of a grant of a ``FencedLock``.
  @usableFromInline
  func promisedToken() throws(LockError) -> FencingToken {
    if let token = self.token { return token }
    throw LockError(
      .backendFailure,
      name: self.name,
      message: "\(self.backend) granted the lock without the fencing token that it promises; "
        + "report it to the authors of that backend"
    )
  }
}
