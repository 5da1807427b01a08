internal import LatchkeyPrimitives

/// For tests: the Redis servers that this process has started, empty, by the run id of their first start.
///
/// A server that Redlock sees for the first time has no vote until every lock that it may have forgotten has run out. A server
/// that is listed here has never held any, so it may vote at once. A second start of the same server is another run and is not
/// listed: that run may have forgotten.
package enum RedlockTestHooks {
  private static let trusted = Locked<Set<String>>([])

  package static func trust(runID: String) {
    self.trusted.withLock { _ = $0.insert(runID) }
  }

  /// All of them, for another process that uses them too.
  package static var trustedRunIDs: [String] { self.trusted.withLock { Array($0) } }

  package static func trusts(runID: String) -> Bool {
    self.trusted.withLock { $0.contains(runID) }
  }
}
