extension Duration {
  /// How long to wait after servers with too much to do have refused a request: longer each time, up to 1.6 seconds, and by
  /// chance up to half as long, so that those who were refused together do not come back together.
  ///
  /// - Parameter count: How often in a row, at least once.
  package static func pause(afterRefusals count: Int) -> Duration {
    .milliseconds(50 << min(max(count, 1) - 1, 5)) * Double.random(in: 0.5...1)
  }
}

/// Makes a request, and makes it again after a pause each time that the servers refuse it because of their load.
///
/// - Parameters:
///   - deadline: No pause begins after it.
///   - ask: Makes the request.
/// - Returns: The first answer that is no such refusal, or the refusal after the deadline; `cancelled` if the task is cancelled in
///   a pause.
package func askDespiteLoad<Value: Sendable>(
  until deadline: ContinuousClock.Instant,
  isolation: isolated (any Actor)? = #isolation,
  _ ask: () async -> Result<Value, ZooKeeperError>
) async -> Result<Value, ZooKeeperError> {
  var refusals = 0
  while true {
    let result = await ask()
    guard case .failure(let error) = result, error.code == .throttled, ContinuousClock.now < deadline else {
      return result
    }
    refusals += 1
    guard (try? await Task.sleep(for: .pause(afterRefusals: refusals))) != nil else {
      return .failure(ZooKeeperError(.cancelled, operation: error.operation, path: error.path))
    }
  }
}
