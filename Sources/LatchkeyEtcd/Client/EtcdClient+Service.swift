#if Etcd
public import ServiceLifecycle

extension EtcdClient: Service {
  /// Connects, and keeps the client open until the service group shuts down or the task is cancelled; then closes it.
  ///
  /// At most once for a client: a second call traps.
  ///
  /// - Throws: ``EtcdError`` if no member could be reached within the connect timeout, or the credentials were refused.
  public func run() async throws {
    self.begin()
    do {
      try await cancelWhenGracefulShutdown { try await self.waitUntilReady() }
    } catch {
      await self.close()
      // Shut down before there was a connection: that is what was asked for.
      if let code = (error as? EtcdError)?.code, code == .closed || code == .cancelled { return }
      throw error
    }
    let (ends, continuation) = AsyncStream.makeStream(of: Void.self)
    await withTaskCancellationHandler {
      await withGracefulShutdownHandler {
        for await _ in ends {}
      } onGracefulShutdown: {
        continuation.finish()
      }
    } onCancel: {
      continuation.finish()
    }
    await self.close()
  }
}
#endif
