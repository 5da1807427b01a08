public import ServiceLifecycle

extension RedisConnection: Service {
  /// Waits until the service group shuts down or the task is cancelled; then closes the connection.
  ///
  /// A connection is made from its creation on, and works without this. A server that is not there, or refuses the client, is
  /// tried again until the end, ever more rarely; while this runs, the log says so (`warning`, or `error` where nothing but
  /// another configuration helps). To fail at the start instead, call ``waitUntilReady()`` first.
  ///
  /// A service group shuts down in the reverse order of its services: name the connection first, then the ``RedisLocks`` or
  /// ``RedlockLocks`` that use it, then what works under the locks.
  public func run() async {
    self.core.announceOutages()
    await Self.waitForShutdown()
    await self.close()
  }

  /// Waits until the service group shuts down or the task is cancelled.
  static func waitForShutdown() async {
    do {
      try await gracefulShutdown()
    } catch {
      // Cancelled: told to stop as well.
    }
  }
}
