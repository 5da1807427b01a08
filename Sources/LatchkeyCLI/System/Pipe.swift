internal import LatchkeyPrimitives

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// A pipe whose two ends no child process inherits, unless they are passed to it.
struct Pipe: Sendable {
  let reading: Int32
  let writing: Int32

  init() throws(SystemError) {
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
  func readByte() -> UInt8? {
    var byte: UInt8 = 0
    while true {
      let count = read(self.reading, &byte, 1)
      if count == 1 { return byte }
      guard count < 0, errno == EINTR else { return nil }
    }
  }
}

/// A system call that failed.
struct SystemError: Error, CustomStringConvertible {
  let code: Int32
  let action: String

  /// - Parameters:
  ///   - action: What could not be done, as in "cannot …".
  ///   - code: The error number; that of the last call by default.
  init(doing action: String, code: Int32 = errno) {
    self.code = code
    self.action = action
  }

  var reason: String { String(cString: strerror(self.code)) }

  var description: String { "cannot \(self.action): \(self.reason)" }
}
