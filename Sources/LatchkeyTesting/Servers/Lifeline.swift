internal import Latchkey
internal import LatchkeyPrimitives
internal import LatchkeyProcesses

#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// The parent's end of a connection to a child, which the child sees closed when the parent ends, whichever way it ends.
///
/// A pair of sockets rather than a pipe: writing to a child that has gone is then an error, not a SIGPIPE for the parent.
final class Lifeline: Sendable {
  private let descriptor: Locked<CInt?>

  private init(_ descriptor: CInt) {
    self.descriptor = Locked(descriptor)
  }

  /// Makes the connection, hands the child's end to `start`, and closes that end here.
  ///
  /// Both ends close themselves on exec, so no other child of this process keeps the connection open.
  static func make<Child>(
    start: (_ childEnd: CInt) throws(ServerError) -> Child
  ) throws(ServerError) -> (Lifeline, Child) {
    var ends: [CInt] = [-1, -1]
    #if canImport(Darwin)
    let made = socketpair(AF_UNIX, SOCK_STREAM, 0, &ends)
    #else
    let made = socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0, &ends)
    #endif
    let code = errno
    guard made == 0 else {
      return try systemCall { () throws(SystemError) in throw SystemError(doing: "make a pair of sockets", code: code) }
    }
    #if canImport(Darwin)
    var on: CInt = 1
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      setsockopt(end, SOL_SOCKET, SO_NOSIGPIPE, &on, socklen_t(MemoryLayout<CInt>.size))
    }
    #endif
    defer { close(ends[1]) }
    // Closes its end if there is no child.
    let lifeline = Lifeline(ends[0])
    return (lifeline, try start(ends[1]))
  }

  deinit {
    self.cut()
  }

  /// Sends one line; a child that has gone is no error, since nobody is left to be told.
  func say(_ line: String) {
    #if canImport(Darwin)
    let flags: CInt = 0
    #else
    let flags = CInt(MSG_NOSIGNAL)
    #endif
    self.descriptor.withLock { descriptor in
      guard let descriptor else { return }
      let bytes = Array((line + "\n").utf8)
      while send(descriptor, bytes, bytes.count, flags) < 0, errno == EINTR {}
    }
  }

  /// Closes the parent's end.
  func cut() {
    self.descriptor.withLock { descriptor in
      guard let open = descriptor else { return }
      close(open)
      descriptor = nil
    }
  }
}
