internal import Latchkey
internal import LatchkeyPrimitives
internal import ZooKeeper

/// The question that a try asks first: who stands in its way?
enum QueueQuestion {
  /// Counts the contenders that would block it, with a `sync` in the same flight so that a server that lags behind does not answer.
  ///
  /// Servers that refuse to answer because of their load are asked again.
  ///
  /// Nodes with the mark are not counted. A try asks when nobody in this process has a node in the queue, so they are left over, and
  /// only the queue cleans them up: it must see them in a list of its own.
  ///
  /// - Parameters:
  ///   - rule: Who would block it.
  ///   - mark: What the names of this client's nodes begin with.
  ///   - deadline: Until when there must be an answer.
  /// - Returns: How many there are, 0 also if the directory does not exist, the first of them, and whether contenders for a lock of
  ///   another kind stand there.
  static func blockers(
    of name: LockName,
    by rule: GrantRule,
    in directory: String,
    besides mark: String,
    session: ZKSession,
    until deadline: ContinuousClock.Instant
  ) async throws(LockError) -> (count: Int, first: String?, isMixed: Bool) {
    switch await askDespiteLoad(until: deadline, { await self.ask(directory, rule, mark, session, until: deadline) }) {
    case .success(let scan):
      let own = scan.matches.count { rule.blockingMarker(of: $0) != nil }
      return (scan.blockers - own, scan.first.flatMap { scan.matches.contains($0) ? nil : $0 }, scan.foreign != nil)
    case .failure(let error) where error.code == .noNode: return (0, nil, false)
    case .failure(let error): throw LockError(name, error)
    }
  }

  private static func ask(
    _ directory: String,
    _ rule: GrantRule,
    _ mark: String,
    _ session: ZKSession,
    until deadline: ContinuousClock.Instant
  ) async -> Result<SequenceScan, ZooKeeperError> {
    let question = OneShot<Result<SequenceScan, ZooKeeperError>>()
    session.scan(directory: directory, own: nil, matchPrefix: mark, markers: rule.markers, sync: true) { result in
      question.resolve(result)
    }
    return await withDeadline(deadline) {
      question.resolve(.failure(ZooKeeperError(.operationTimeout, operation: "children", path: directory)))
    } wait: {
      await question.wait(cancelled: .failure(ZooKeeperError(.cancelled, operation: "children", path: directory)))
    }
  }
}
