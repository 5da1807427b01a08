internal import Latchkey
public import ServiceLifecycle

extension ZooKeeperClient: Service {
  /// Connects, and keeps the client open until the service group shuts down or the task is cancelled; then closes it.
  ///
  /// At most once for a client: a second call traps.
  ///
  /// - Throws: ``ZooKeeperError`` if no server could be reached within the connect timeout, the credentials were refused
  ///   (then or later), or the chroot does not exist.
  public func run() async throws {
    self.begin()
    do {
      try await cancelWhenGracefulShutdown { try await self.waitUntilReady() }
    } catch {
      await self.close()
      // Shut down before there was a connection: that is what was asked for.
      if ZooKeeperCode.closed ~= error || ZooKeeperCode.cancelled ~= error { return }
      throw error
    }
    await withTaskCancellationHandler {
      await withGracefulShutdownHandler {
        await self.waitUntilClosed()
      } onGracefulShutdown: {
        self.beginClose()
      }
    } onCancel: {
      self.beginClose()
    }
    if let failure = self.state.withLock({ $0.failure }), failure.code != .closed { throw failure }
  }
}
