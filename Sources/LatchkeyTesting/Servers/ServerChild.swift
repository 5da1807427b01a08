internal import Foundation
internal import LatchkeyPrimitives
internal import LatchkeyProcesses

#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// A process that serves us, with the group it leads.
final class ServerChild: Sendable {
  private let process: ChildProcess
  private let ended = OneShot<Void>()
  private let isOver = Locked(false)

  /// Starts a process.
  ///
  /// - Parameters:
  ///   - arguments: The program's path, then its arguments.
  ///   - input: Its standard input.
  ///   - output: The file that its standard output and error are appended to.
  static func start(_ arguments: [String], input: CInt, output: String) throws(ServerError) -> ChildProcess {
    try systemCall { () throws(SystemError) in
      let log = try Descriptors.create(output, appending: true)
      defer { close(log) }
      // Its own group keeps Ctrl-C at the terminal from it: what ends a server is its parent, or its parent's end.
      return try ChildProcess.spawn(arguments, input: input, output: log, errors: log, group: .own)
    }
  }

  /// Watches over a process.
  ///
  /// - Parameters:
  ///   - process: What ``start(_:input:output:)`` returned.
  ///   - beforeReaping: Called when the process has ended and its number cannot belong to another one yet.
  init(_ process: ChildProcess, beforeReaping: @escaping @Sendable () -> Void = {}) {
    self.process = process
    // A thread of its own: it blocks for as long as the process lives, and shared ones run out.
    Thread.detachNewThread {
      var info = siginfo_t()
      while waitid(P_PID, id_t(process.pid), &info, WEXITED | WNOWAIT) != 0, errno == EINTR {}
      beforeReaping()
      self.reap()
    }
  }

  var pid: pid_t { self.process.pid }

  var isRunning: Bool { self.isOver.withLock { !$0 } }

  /// Sends a signal to the process and to all of its group, unless it has ended.
  func signal(_ number: CInt) {
    // Under the lock, so that the number is still this process's: it is freed under the same lock.
    self.isOver.withLock { if !$0 { self.process.signal(number, group: true) } }
  }

  /// Waits for the end of the process, whether or not the caller has been cancelled.
  ///
  /// - Returns: Whether it has ended before the deadline.
  @discardableResult
  func exit(before deadline: ContinuousClock.Instant? = nil) async -> Bool {
    guard let deadline else {
      await self.ended.value
      return true
    }
    return await bounded(by: ContinuousClock.now.duration(to: deadline)) { await self.ended.value } != nil
  }

  private func reap() {
    self.isOver.withLock { isOver in
      var status: CInt = 0
      while waitpid(self.pid, &status, 0) < 0, errno == EINTR {}
      self.process.forget()
      isOver = true
    }
    self.ended.resolve()
  }
}
