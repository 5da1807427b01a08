extension LeaderElection {
  /// Runs a body as the leader.
  ///
  /// Campaigns, lends the body a view of the leadership, and resigns when the body has ended, whichever way. The body keeps the
  /// caller's actor, task executor and task-local values. If the leadership is lost while the body runs, the body's task is
  /// cancelled.
  ///
  /// ```swift
  /// try await election.withLeadership(value: "node-7") { leadership in
  ///   try await coordinate(fencedBy: leadership.token)
  /// }
  /// ```
  ///
  /// - Parameters:
  ///   - value: What the candidate says of itself, for observers.
  ///   - timeout: The budget for the campaign; nil waits for ever, zero tries once.
  ///   - isolation: The actor to stay on; leave it out.
  ///   - body: What to do as the leader.
  /// - Returns: What the body returned, if the leadership stood until then and was resigned.
  /// - Throws: As ``DistributedLock/withLock(within:isolation:_:)``: ``LockError/Code/lockLost`` if the leadership was lost before
  ///   it was resigned.
  public func withLeadership<R>(
    value: String,
    within timeout: Duration? = nil,
    isolation: isolated (any Actor)? = #isolation,
    _ body: (HeldLeadership) async throws -> sending R
  ) async throws -> sending R {
    try HoldMarker.check(self.name, self.backend)
    return try await self.campaignForBody(value: value, within: timeout).run(isolation: isolation, body)
  }

  /// `campaign`, with a cancelled wait reported in the way that code outside this package expects.
  private func campaignForBody(value: String, within timeout: Duration?) async throws -> Leadership {
    do throws(LockError) {
      return try await self.campaign(value: value, within: timeout)
    } catch {
      throw error.outsideThisPackage
    }
  }
}
