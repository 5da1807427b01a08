public import ServiceLifecycle

extension RedisConnection: Service {
  /// Waits for the connection, and keeps it open until the service group shuts down or the task is cancelled; then closes it.
  ///
  /// A service group shuts down in the reverse order of its services: name the connection first, then the ``RedisLocks`` or
  /// ``RedlockLocks`` that use it, then what works under the locks.
  ///
  /// - Throws: ``RedisError`` if the first attempt to connect fails.
  public func run() async throws {
    do {
      try await cancelWhenGracefulShutdown { try await self.waitUntilConnected() }
    } catch {
      await self.close()
      // Shut down before there was a connection: that is what was asked for.
      if (error as? RedisError)?.code == .cancelled { return }
      throw error
    }
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
