internal import LatchkeyPrimitives

/// The Redis servers that this process has started, empty, by the run id of their first start.
///
/// A server that Redlock sees for the first time has no vote until every lock that it may have forgotten has run out. One that
/// is listed here has never held any, so it may vote at once. A second start of the same server is another run and is not
/// listed: that one may have forgotten.
package enum FreshServers {
  private static let runs = Locked<Set<String>>([])

  package static func add(runID: String) {
    self.runs.withLock { _ = $0.insert(runID) }
  }

  /// All of them, for another process that uses them too.
  package static var all: [String] { self.runs.withLock { Array($0) } }

  package static func contains(runID: String) -> Bool {
    self.runs.withLock { $0.contains(runID) }
  }
}
