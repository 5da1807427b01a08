internal import Latchkey
internal import ZooKeeper

/// The question that a try asks first: who contends for this lock?
enum QueueQuestion {
  /// Counts the contenders, with a `sync` in the same flight so that a server that lags behind does not answer.
  ///
  /// Servers that refuse to answer because of their load are asked again.
  ///
  /// - Parameter deadline: Until when there must be an answer.
  /// - Returns: How many there are, 0 also if the directory does not exist, and the first of them.
  static func contenders(
    of name: LockName,
    in directory: String,
    session: ZKSession,
    until deadline: ContinuousClock.Instant
  ) async throws(LockError) -> (count: Int, first: String?) {
    switch await askDespiteLoad(until: deadline, { await self.ask(directory, session, until: deadline) }) {
    case .success(let scan): return (scan.count, scan.first)
    case .failure(let error) where error.code == .noNode: return (0, nil)
    case .failure(let error): throw LockError(name, error)
    }
  }

  private static func ask(
    _ directory: String,
    _ session: ZKSession,
    until deadline: ContinuousClock.Instant
  ) async -> Result<ContenderScan, ZooKeeperError> {
    let question = SingleAnswer<Result<ContenderScan, ZooKeeperError>>()
    session.scan(directory: directory, own: nil, uuidPrefix: nil, markers: .locks, sync: true) { result in
      question.answer(result)
    }
    return await withDeadline(deadline) {
      question.answer(.failure(ZooKeeperError(.operationTimeout, operation: "children", path: directory)))
    } wait: {
      await question.wait(cancelled: .failure(ZooKeeperError(.cancelled, operation: "children", path: directory)))
    }
  }
}
