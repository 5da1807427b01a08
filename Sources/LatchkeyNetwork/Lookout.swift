package import NIOCore
internal import NIOPosix

#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// Looks out for answers that are due: asks the system again and again whether a socket has something to read, so that the
/// event loop does not go to sleep before it comes. To wake up a thread whose processor has gone to sleep takes longer than a
/// server nearby takes to answer.
///
/// One for each event loop, however many connections there are on it. Between any two looks the event loop runs the tasks that
/// it was given; it reads from sockets when one of those that are looked at is ready, or the time that was given has passed.
package final class Lookout {
  private final class Place: Sendable {
    let lookout: NIOLoopBound<Lookout>

    init(_ lookout: Lookout, on loop: any EventLoop) { self.lookout = NIOLoopBound(lookout, eventLoop: loop) }
  }

  private static let ofThread = ThreadSpecificVariable<Place>()

  /// The lookout of an event loop; must be called on it.
  package static func current(of loop: any EventLoop) -> Lookout {
    loop.preconditionInEventLoop()
    if let place = self.ofThread.currentValue { return place.lookout.value }
    let lookout = Lookout(loop)
    self.ofThread.currentValue = Place(lookout, on: loop)
    return lookout
  }

  private let loop: any EventLoop
  private var sockets: [pollfd] = []
  /// Until when each of the sockets is looked at.
  private var ends: [NIODeadline] = []
  /// Whether the event loop is kept awake at present.
  package private(set) var isLooking = false

  private init(_ loop: any EventLoop) {
    self.loop = loop
  }

  /// Begins to look at a socket, or goes on for longer.
  ///
  /// - Parameters:
  ///   - descriptor: The socket; ``leave(_:)`` must be called before it is closed.
  ///   - end: Until when to look.
  package func watch(_ descriptor: CInt, until end: NIODeadline) {
    if let index = self.sockets.firstIndex(where: { $0.fd == descriptor }) {
      self.ends[index] = end
    } else {
      self.sockets.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0))
      self.ends.append(end)
    }
    self.resume()
  }

  /// Ends the look at a socket. Goes on looking at the others, which it does not while one that is ready waits to be read.
  package func leave(_ descriptor: CInt) {
    if let index = self.sockets.firstIndex(where: { $0.fd == descriptor }) { self.remove(index) }
    self.resume()
  }

  private func remove(_ index: Int) {
    self.sockets.swapAt(index, self.sockets.count - 1)
    self.sockets.removeLast()
    self.ends.swapAt(index, self.ends.count - 1)
    self.ends.removeLast()
  }

  private func resume() {
    guard !self.isLooking, !self.sockets.isEmpty else { return }
    self.isLooking = true
    self.lookSoon()
  }

  /// The event loop reads from sockets only when it has no task left, so while this is one it does not.
  private func lookSoon() {
    self.loop.assumeIsolated().execute { self.look() }
  }

  private func look() {
    let now = NIODeadline.now()
    for index in self.sockets.indices.reversed() where self.ends[index] <= now { self.remove(index) }
    if self.sockets.isEmpty || poll(&self.sockets, nfds_t(self.sockets.count), 0) != 0 {
      self.isLooking = false
    } else {
      // Whoever has no processor may be the one who is to answer.
      sched_yield()
      self.lookSoon()
    }
  }
}
