public import ServiceLifecycle

extension RedisLocks: Service {
  /// Waits until the service group shuts down or the task is cancelled; then releases what is still held.
  ///
  /// Nothing needs this while it runs. At its end, holders that have not released by then are told that the lock is lost, and
  /// others get it at once instead of after the TTL. Name the locks after their connection in the service group, and before
  /// what works under them: a group shuts down in reverse order.
  public func run() async {
    await RedisConnection.waitForShutdown()
    await self.releaseAll()
  }
}
