/// Runs a wait that must end by an instant.
///
/// - Parameters:
///   - deadline: The end of the wait; nil for none.
///   - expire: Called once at the deadline, unless the wait has ended; must make the wait end.
///   - wait: The wait; its own cancellation handler must make it end.
/// - Returns: What the wait returned.
package func withDeadline<R: Sendable>(
  _ deadline: ContinuousClock.Instant?,
  expire: @escaping @Sendable () -> Void,
  isolation: isolated (any Actor)? = #isolation,
  wait: () async -> R
) async -> R {
  guard let deadline else { return await wait() }
  let timer = Task.detached {
    do {
      try await sleep(untilExactly: deadline)
    } catch {
      return  // Cancelled below: the wait has ended by itself.
    }
    expire()
  }
  let result = await wait()
  timer.cancel()
  return result
}

/// Sleeps until an instant, however far it is. Throws if the task is cancelled.
package func sleep(untilExactly time: ContinuousClock.Instant) async throws {
  // In steps: the runtime traps on a sleep whose nanoseconds do not fit into 64 bits.
  while ContinuousClock.now < time {
    let step = min(time, .now.advanced(by: .seconds(86_400)))
    try await Task.sleep(until: step, tolerance: .zero, clock: .continuous)
  }
}
