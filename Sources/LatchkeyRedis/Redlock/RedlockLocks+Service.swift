public import ServiceLifecycle

extension RedlockLocks: Service {
  /// Waits until the service group shuts down or the task is cancelled; then releases what is still held.
  ///
  /// As ``RedisLocks/run()``: name the locks after their connections in the service group, and before what works under them.
  public func run() async {
    await RedisConnection.waitForShutdown()
    await self.releaseAll()
  }
}
