internal import NIOCore

#if canImport(Darwin)
  internal import Darwin
#else
  internal import Glibc
#endif

/// One connection to a server that has been made, encrypted and accepted.
struct Link: Sendable {
  /// Who is told what happens on a link, on its event loop.
  struct Listener {
    /// Messages have come, in this order.
    var received: ([RESPFrame]) -> Void
    /// There is no connection any more; nothing comes behind this.
    var ended: (RedisError) -> Void
  }

  let channel: any Channel
  let handler: NIOLoopBound<LinkHandler>
  /// Which run of the server it leads to, where that was asked for.
  let server: RedisServerIdentity?
  let madeAt: NIODeadline
  /// A second descriptor of the socket, to write to from any thread; nil for an encrypted connection. Whoever takes the link
  /// closes it.
  let descriptor: CInt?

  /// Ends the connection; must be called on its event loop.
  func end(_ error: RedisError) {
    self.handler.value.end(error)
  }
}

/// Writes without waiting.
///
/// - Returns: How many bytes the system has taken: none if it has no room, or the connection is broken, of which its reader
///   learns.
func writeWithoutWaiting(_ bytes: UnsafeRawBufferPointer, to descriptor: CInt) -> Int {
  #if canImport(Darwin)
    let flags = CInt(MSG_DONTWAIT)  // NIO has switched the signal off for the socket.
  #else
    let flags = CInt(MSG_DONTWAIT) | CInt(MSG_NOSIGNAL)
  #endif
  while true {
    let count = send(descriptor, bytes.baseAddress, bytes.count, flags)
    if count >= 0 { return count }
    guard errno == EINTR else { return 0 }
  }
}

/// A second descriptor for the same socket, or nil. A number of our own cannot be closed and given to another file behind our
/// back.
func duplicate(_ descriptor: CInt) -> CInt? {
  let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
  return copy >= 0 ? copy : nil
}

/// Closes what ``duplicate(_:)`` has made.
func closeDescriptor(_ descriptor: CInt) {
  _ = close(descriptor)
}
