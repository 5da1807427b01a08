internal import LatchkeyPrimitives

/// Who is inside at once: what read-write locks and semaphores are for.
final class Occupancy: Sendable {
  private struct State {
    var readers = 0
    var writers = 0
    var permits = 0
    var mostPermits = 0
    var conflicts = 0
  }

  private let state = Locked(State())

  /// How often a writer was inside beside anybody else.
  var conflicts: Int { self.state.withLock { $0.conflicts } }

  /// The most permits that were in use at once.
  var mostPermits: Int { self.state.withLock { $0.mostPermits } }

  func enter(asWriter isWriter: Bool) {
    self.state.withLock { state in
      if isWriter { state.writers += 1 } else { state.readers += 1 }
      if state.writers > 1 || (state.writers == 1 && state.readers > 0) { state.conflicts += 1 }
    }
  }

  func leave(asWriter isWriter: Bool) {
    self.state.withLock { state in
      if isWriter { state.writers -= 1 } else { state.readers -= 1 }
    }
  }

  func enter(with permits: Int) {
    self.state.withLock { state in
      state.permits += permits
      state.mostPermits = max(state.mostPermits, state.permits)
    }
  }

  func leave(with permits: Int) { self.state.withLock { $0.permits -= permits } }
}
