internal import Foundation
internal import Latchkey
internal import LatchkeyPrimitives

#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// A process that we have started, with the group it leads.
final class ChildProcess: Sendable {
  private struct State {
    var hasExited = false
    var waiters: [Int: CheckedContinuation<Bool, Never>] = [:]
    var nextWaiter = 0
  }

  let pid: pid_t
  private let state = Locked(State())

  /// Watches over a process.
  ///
  /// - Parameters:
  ///   - pid: What ``spawn(_:input:output:)`` returned.
  ///   - beforeReaping: Called when the process has ended and its number cannot belong to another one yet.
  init(pid: pid_t, beforeReaping: @escaping @Sendable () -> Void) {
    self.pid = pid
    // A thread of its own: it blocks for as long as the process lives, and shared ones run out.
    Thread.detachNewThread {
      var info = siginfo_t()
      while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) != 0, errno == EINTR {}
      beforeReaping()
      self.reap()
    }
  }

  var isRunning: Bool {
    self.state.withLock { !$0.hasExited }
  }

  /// Sends a signal to the process and to all of its group, unless it has ended.
  func signal(_ number: CInt) {
    // Under the lock, so that the number is still this process's: it is freed under the same lock.
    self.state.withLock { state in
      guard !state.hasExited else { return }
      _ = kill(-self.pid, number)
    }
  }

  /// Waits for the end of the process, whether or not the caller has been cancelled.
  ///
  /// - Returns: Whether it has ended before the deadline.
  @discardableResult
  func exit(before deadline: ContinuousClock.Instant? = nil) async -> Bool {
    let place = self.state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    let expire: @Sendable () -> Void = {
      self.state.withLock { $0.waiters.removeValue(forKey: place) }?.resume(returning: false)
    }
    return await withDeadline(deadline, expire: expire) {
      await withCheckedContinuation { continuation in
        let isOver = self.state.withLock { state in
          guard !state.hasExited, deadline.map({ ContinuousClock.now < $0 }) ?? true else { return true }
          state.waiters[place] = continuation
          return false
        }
        if isOver { continuation.resume(returning: !self.isRunning) }
      }
    }
  }

  private func reap() {
    let waiters = self.state.withLock { state in
      var status: CInt = 0
      while waitpid(self.pid, &status, 0) < 0, errno == EINTR {}
      state.hasExited = true
      defer { state.waiters = [:] }
      return Array(state.waiters.values)
    }
    for waiter in waiters { waiter.resume(returning: true) }
  }
}
