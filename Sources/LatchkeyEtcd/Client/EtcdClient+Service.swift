#if Etcd
public import ServiceLifecycle

extension EtcdClient: Service {
  /// Connects, and keeps the client open until the service group shuts down or the task is cancelled; then closes it.
  ///
  /// A cluster that is not there yet does not end it: the client goes on trying, with pauses up to a second, and says in the log that it
  /// must, less and less often. Until then calls fail, each within its own budget. To fail at the start instead, call
  /// ``waitUntilReady()``.
  ///
  /// At most once for a client: a second call traps.
  ///
  /// - Throws: ``EtcdError`` if the servers refuse the client before it has had a session, in a way that does not mend by itself: its
  ///   user or password, its certificate, or servers that are no etcd.
  public func run() async throws {
    self.begin(isService: true)
    do {
      _ = try await cancelWhenGracefulShutdown { try await self.keeper.waitForSession(within: nil) }
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
