#if Redis
internal import LatchkeyRedis
#endif

/// Redlock trusts a server at once if it was started here and so has no lock to forget.
extension RedisServer {
  /// The runs of servers that Redlock trusts at once in this process.
  package static var trustedRunIDs: [String] {
    #if Redis
    RedlockTestHooks.trustedRunIDs
    #else
    []
    #endif
  }

  package static func trust(runIDs: [String]) {
    #if Redis
    for run in runIDs { RedlockTestHooks.trust(runID: run) }
    #endif
  }
}
