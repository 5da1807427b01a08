internal import LatchkeyPrimitives

extension ZooKeeperClient {
  /// The states of the client's session, one after the other: the present one first, `closed` last.
  public struct SessionStates: AsyncSequence, Sendable {
    private let client: ZooKeeperClient

    fileprivate init(_ client: ZooKeeperClient) {
      self.client = client
    }

    /// Follows the states, from the present one on.
    ///
    /// - Returns: An iterator that misses no state, however slowly it is read.
    public func makeAsyncIterator() -> AsyncIterator {
      AsyncIterator(stream: self.client.followStates().makeAsyncIterator())
    }

    /// Follows the states.
    public struct AsyncIterator: AsyncIteratorProtocol {
      fileprivate var stream: AsyncStream<SessionState>.AsyncIterator

      /// Waits for the next state.
      ///
      /// - Parameter isolation: The actor to run on; the caller's.
      /// - Returns: The state; nil after `closed`, or if the task was cancelled.
      public mutating func next(
        isolation: isolated (any Actor)? = #isolation
      ) async -> SessionState? {
        await self.stream.next(isolation: isolation)
      }
    }
  }

  /// The states of the client's session. Every iterator begins with the present one.
  public var states: SessionStates { SessionStates(self) }

  private func followStates() -> AsyncStream<SessionState> {
    let (stream, continuation) = AsyncStream.makeStream(of: SessionState.self)
    let id = self.state.withLock { state -> UInt64? in
      // Under the lock, so that no other state comes before the present one.
      continuation.yield(state.machine.state)
      guard state.machine.state != .closed else { return nil }
      return state.stateFollowers.add(continuation)
    }
    guard let id else {
      continuation.finish()
      return stream
    }
    continuation.onTermination = { [weak self] _ in
      self?.state.withLock { state in _ = state.stateFollowers.remove(id) }
    }
    return stream
  }
}
