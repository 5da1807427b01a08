internal import LatchkeyPrimitives
internal import Logging
public import ServiceLifecycle

extension ZooKeeperClient: Service {
  /// Connects, and keeps the client open until the service group shuts down or the task is cancelled; then closes it.
  ///
  /// Servers that cannot be reached are no error: the client goes on trying, and says so in the log. A program that would rather
  /// end calls ``waitUntilReady()``. At most once for a client: a second call traps.
  ///
  /// - Throws: ``ZooKeeperError`` if the servers refuse the client for good: the credentials (then or later), several servers that
  ///   are not one ensemble, a chroot that does not exist.
  public func run() async throws {
    self.begin()
    do {
      try await cancelWhenGracefulShutdown { try await self.connect() }
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

  /// Waits until the client can be used, however long that takes.
  private func connect() async throws(ZooKeeperError) {
    var failures = 0
    while true {
      do throws(ZooKeeperError) {
        return try await self.waitUntilReady()
      } catch {
        switch error.code {
        case .connectionLoss, .operationTimeout, .runtimeInconsistency, .sessionExpired, .sessionMoved, .invalidState,
          .throttled:
          failures += 1
        default: throw error
        }
        // Less often the longer it lasts.
        if failures.nonzeroBitCount == 1 {
          self.configuration.logger.warning(
            "the ZooKeeper servers cannot be used yet; trying on",
            metadata: ["error": "\(error)"]
          )
        }
        // The failure may have been quicker than the news that the connection is gone. A cancelled wait ends above.
        try? await Task.sleep(for: .pause(afterRefusals: 1))
      }
    }
  }
}
