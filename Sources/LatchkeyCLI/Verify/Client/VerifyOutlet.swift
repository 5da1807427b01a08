internal import Latchkey

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// What a client process says to its parent, and the answers to its writes.
final class VerifyOutlet: Sendable {
  private struct State {
    var waiting: [Int: CheckedContinuation<Bool, Never>] = [:]
    var isClosed = false
    var lingerEnd = ContinuousClock.now
  }

  private let state = Locked(State())

  /// Says one thing: a line, written at once, so that nothing is lost if the process is killed right after.
  func say(_ event: ClientEvent) {
    // The event is made of numbers and plain text; if the parent has gone, the end of standard input says so too.
    guard let line = try? JSON.encode(event) else { return }
    Descriptors.write(line + "\n", to: STDOUT_FILENO)
  }

  /// Writes to the resource and waits for its answer.
  ///
  /// - Returns: Whether the resource accepted the write; false if nobody answers any more.
  func write(worker: Int, token: VerifyToken?, seen: Observation) async -> Bool {
    await withCheckedContinuation { continuation in
      let isClosed = self.state.withLock { state in
        if !state.isClosed { state.waiting[worker] = continuation }
        return state.isClosed
      }
      if isClosed { return continuation.resume(returning: false) }
      self.say(.write(worker: worker, token: token, seen: seen))
    }
  }

  /// Passes an answer on to the worker that waits for it.
  func answer(worker: Int, accepted: Bool) {
    self.state.withLock { $0.waiting.removeValue(forKey: worker) }?.resume(returning: accepted)
  }

  /// Until when holders are to hold at least: a fault is about to strike them.
  var lingerEnd: ContinuousClock.Instant { self.state.withLock { $0.lingerEnd } }

  func linger(_ duration: Duration) {
    self.state.withLock { $0.lingerEnd = .now.advanced(by: duration) }
  }

  /// Nobody answers any more.
  func close() {
    let waiting = self.state.withLock { state in
      state.isClosed = true
      defer { state.waiting = [:] }
      return Array(state.waiting.values)
    }
    for continuation in waiting { continuation.resume(returning: false) }
  }
}
