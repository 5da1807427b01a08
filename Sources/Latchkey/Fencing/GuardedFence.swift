internal import LatchkeyPrimitives

/// What a gate knows of tokens, where check and access are one step of one thread.
final class GuardedFence<State: Equatable & Sendable>: Sendable {
  private let guarded: Locked<State>
  private let remember: (@Sendable (State) throws -> Void)?

  init(_ state: State, remember: (@Sendable (State) throws -> Void)?) {
    self.guarded = Locked(state)
    self.remember = remember
  }

  var state: State { self.guarded.withLock { $0 } }

  /// Makes an access, unless its token is refused.
  func admit<R>(
    _ admit: (inout State) throws(StaleToken) -> Void,
    _ access: () throws -> sending R
  ) throws -> sending R {
    try self.guarded.withLock { state in
      var admitted = state
      try admit(&admitted)
      // Stored first: what is refused now must be refused after a crash as well. Kept only once it is stored.
      if admitted != state { try self.remember?(admitted) }
      state = admitted
      return try access()
    }
  }
}

/// What a gate knows of tokens, where accesses suspend.
final class AsyncGuardedFence<State: Equatable & Sendable>: Sendable {
  private let guarded: Locked<State>
  private let remember: (@Sendable (State) async throws -> Void)?

  init(_ state: State, remember: (@Sendable (State) async throws -> Void)?) {
    self.guarded = Locked(state)
    self.remember = remember
  }

  var state: State { self.guarded.withLock { $0 } }

  /// Admits a token. Must not be called by two tasks at once.
  func admit(_ admit: (inout State) throws(StaleToken) -> Void) async throws {
    let before = self.state
    var admitted = before
    try admit(&admitted)
    // Stored first: what is refused now must be refused after a crash as well. Kept only once it is stored.
    if admitted != before { try await self.remember?(admitted) }
    self.guarded.withLock { $0 = admitted }
  }
}
