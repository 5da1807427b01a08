internal import Latchkey
internal import LatchkeyPrimitives

/// Which run of a server each seat of a quorum has answered from last: two seats with one run are one server, however different
/// the names are under which it is asked.
final class ServerRuns: Sendable {
  private let addresses: [String]
  private let runs: Locked<[String?]>

  /// - Parameter addresses: What the seats are called.
  init(_ addresses: [String]) {
    self.addresses = addresses
    self.runs = Locked(Array(repeating: nil, count: addresses.count))
  }

  /// Notes where an answer came from.
  ///
  /// - Returns: The error if another seat is the same server; nil if none is known to be.
  func duplicate(of node: Int, _ identity: RedisServerIdentity?) -> RedisError? {
    guard let identity else { return nil }
    let other = self.runs.withLock { runs -> Int? in
      runs[node] = identity.runID
      return runs.indices.first { $0 != node && runs[$0] == identity.runID }
    }
    guard let other else { return nil }
    let (first, second) = (self.addresses[min(node, other)], self.addresses[max(node, other)])
    return RedisError(
      .invalidConfiguration,
      "\(first) and \(second) are one and the same server; the servers of a quorum must be independent, so name each once"
    )
  }
}
