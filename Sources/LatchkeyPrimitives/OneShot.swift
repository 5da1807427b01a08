/// A value that is set once, by whichever of several sources comes first, and that any number of tasks await.
///
/// Later values are ignored. The value may be set before anybody waits.
@usableFromInline
package final class OneShot<Value: Sendable>: Sendable {
  private typealias Continuation = CheckedContinuation<Value, Never>

  private struct State {
    var value: Value?
    /// In the order in which they came; most often there is one.
    var waiters: [(id: UInt64, continuation: Continuation)] = []
    var nextID: UInt64 = 1
  }

  private let state = Locked(State())

  package init() {}

  /// The value, if it has been set.
  package var current: Value? { self.state.withLock { $0.value } }

  /// Sets the value and resumes all who wait for it; ignored if there is a value.
  @usableFromInline
  package func resolve(_ value: Value) {
    let waiters = self.state.withLock { state -> [(id: UInt64, continuation: Continuation)] in
      guard state.value == nil else { return [] }
      state.value = value
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.continuation.resume(returning: value) }
  }

  /// The value, once it has been set. Cancellation does not end the wait.
  package var value: Value {
    get async {
      await withCheckedContinuation { continuation in
        let known = self.state.withLock { state -> Value? in
          if state.value == nil { state.waiters.append((0, continuation)) }
          return state.value
        }
        if let known { continuation.resume(returning: known) }
      }
    }
  }

  /// Waits for the value.
  ///
  /// - Parameter cancelled: Returned instead if the waiting task is cancelled first. Other waits go on.
  /// - Returns: The value; a value that was set before the wait is returned to a cancelled task too.
  package func wait(cancelled: @autoclosure @escaping @Sendable () -> Value) async -> Value {
    let id = self.state.withLock { state in
      defer { state.nextID += 1 }
      return state.nextID
    }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let known = self.state.withLock { state -> Value? in
          if let value = state.value { return value }
          // The handler below runs after the task is marked as cancelled, so it finds what is appended to the waiters here.
          if Task.isCancelled { return cancelled() }
          state.waiters.append((id, continuation))
          return nil
        }
        if let known { continuation.resume(returning: known) }
      }
    } onCancel: {
      let waiter = self.state.withLock { state -> Continuation? in
        guard let index = state.waiters.firstIndex(where: { $0.id == id }) else { return nil }
        return state.waiters.remove(at: index).continuation
      }
      waiter?.resume(returning: cancelled())
    }
  }

  /// Waits for the value, which is the outcome of something that may fail.
  ///
  /// - Parameter cancelled: Thrown if the waiting task is cancelled first.
  /// - Returns: The outcome's value.
  /// - Throws: The outcome's error.
  package func get<Success, Failure: Error>(
    cancelled: @autoclosure @escaping @Sendable () -> Failure
  ) async throws(Failure) -> Success where Value == Result<Success, Failure> {
    try await self.wait(cancelled: .failure(cancelled())).get()
  }
}

extension OneShot<Void> {
  package func resolve() { self.resolve(()) }
}
