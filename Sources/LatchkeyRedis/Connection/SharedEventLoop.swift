internal import NIOCore
internal import NIOPosix

/// The event loop of all connections of the process that are given none: one thread of our own.
///
/// A connection that looks out for a reply keeps its event loop from everybody else's channels, so it does so on no loop that
/// others use. One loop serves all connections: with a thread for each, those to the servers of a Redlock look out on as many
/// processors as there are servers.
enum SharedEventLoop {
  /// Never shut down: the thread sleeps while no connection is there.
  private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

  static var loop: any EventLoop { self.group.next() }
}
