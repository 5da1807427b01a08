internal import LatchkeyPrimitives

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// A pipe whose two ends no child process inherits, unless they are passed to it.
package struct Pipe: Sendable {
  package let reading: Int32
  package let writing: Int32

  package init() throws(SystemError) {
    var ends: [Int32] = [-1, -1]
    // A child process that is started between the two calls would inherit the ends for its whole life.
    let code = ChildProcess.spawnLock.withLock { _ -> Int32 in
      guard pipe(&ends) == 0 else { return errno }
      for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
      return 0
    }
    guard code == 0 else { throw SystemError(doing: "open a pipe", code: code) }
    self.reading = ends[0]
    self.writing = ends[1]
  }

  /// Waits for the next byte; nil at the end of the file.
  package func readByte() -> UInt8? {
    var byte: UInt8 = 0
    while true {
      let count = read(self.reading, &byte, 1)
      if count == 1 { return byte }
      guard count < 0, errno == EINTR else { return nil }
    }
  }
}

extension ChildProcess {
  /// Starts a program in a group of its own, so that a Ctrl-C on the terminal does not reach it, and talks to it over pipes.
  ///
  /// - Parameters:
  ///   - arguments: The program and its arguments.
  ///   - settings: Environment variables to set, or to remove where nil.
  ///   - errors: What becomes its standard error; ours by default.
  /// - Returns: The process, and the descriptors for its standard input and output.
  package static func piped(
    _ arguments: [String],
    settings: [String: String?] = [:],
    errors: Int32? = nil
  ) throws(SystemError) -> (process: ChildProcess, input: Int32, output: Int32) {
    let (input, output) = (try Pipe(), try Pipe())
    defer { for end in [input.reading, output.writing] { close(end) } }
    let process = try self.spawn(
      arguments,
      settings: settings,
      input: input.reading,
      output: output.writing,
      errors: errors,
      group: .own
    )
    return (process, input.writing, output.reading)
  }
}

/// A system call that failed.
package struct SystemError: Error, CustomStringConvertible {
  package let code: Int32
  package let action: String

  /// - Parameters:
  ///   - action: What could not be done, as in "cannot …".
  ///   - code: The error number; that of the last call by default.
  package init(doing action: String, code: Int32 = errno) {
    self.code = code
    self.action = action
  }

  /// Whether there is no such file.
  package var isMissing: Bool { self.code == ENOENT }

  /// Whether this process, or the machine, has run out of something.
  package var isExhaustion: Bool { [EMFILE, ENFILE, ENOMEM, EAGAIN].contains(self.code) }

  package var reason: String { String(cString: strerror(self.code)) }

  package var description: String { "cannot \(self.action): \(self.reason)" }
}
