internal import Latchkey
internal import LatchkeyPrimitives
internal import ZooKeeper

/// The question that a try asks first: how many permits are taken, how many there are, and whether anybody stands in line?
///
/// With a `sync` in the same flight, so that a server that lags behind does not answer.
struct PermitQuestion {
  struct Answer: Sendable {
    /// The names of the nodes by which permits are held, lowest number first.
    var leases: [String]
    /// How many stand in line.
    var queued: Int
    /// nil if the node of the limit holds something else.
    var limit: Int?
  }

  let backend: SemaphoreBackend
  let session: ZKSession

  /// - Returns: nil if the semaphore has no place yet: it must be made.
  func ask(until deadline: ContinuousClock.Instant) async throws(LockError) -> Answer? {
    let result = await askDespiteLoad(until: deadline) { await self.askOnce(until: deadline) }
    switch result {
    case .success(let answer): return answer
    case .failure(let error) where error.code == .noNode: return nil
    case .failure(let error): throw LockError(self.backend.name, error)
    }
  }

  private func askOnce(until deadline: ContinuousClock.Instant) async -> Result<Answer, ZooKeeperError> {
    let question = OneShot<Result<Answer, ZooKeeperError>>()
    let path = self.backend.path
    var known = Parts()
    if case .fixed(let limit) = self.backend.limit { known.limit = .success(limit) }
    let flight = Flight(known, of: path.limit == nil ? 2 : 3) { parts in question.resolve(parts.answer) }
    self.session.sync(path.leases) { _ in
      // Whatever came of it, the lists behind it tell.
    }
    self.session.children(path.leases) { result in flight.answered { $0.leases = result.map { $0.0 } } }
    self.backend.scanQueue(self.session) { result in flight.answered { $0.queued = result } }
    if let limit = path.limit {
      self.session.get(limit) { result in
        flight.answered { $0.limit = result.map { SharedLimit.decode($0.0) } }
      }
    }
    return await withDeadline(deadline) {
      question.resolve(.failure(ZooKeeperError(.operationTimeout, operation: "children", path: path.leases)))
    } wait: {
      await question.wait(cancelled: .failure(ZooKeeperError(.cancelled, operation: "children", path: path.leases)))
    }
  }

  private struct Parts: Sendable {
    private static let unknown = ZooKeeperError(.connectionLoss, operation: "children")

    var leases: Result<[String], ZooKeeperError> = .failure(Self.unknown)
    var queued: Result<Int, ZooKeeperError> = .failure(Self.unknown)
    var limit: Result<Int?, ZooKeeperError> = .failure(Self.unknown)

    var answer: Result<Answer, ZooKeeperError> {
      self.leases.flatMap { leases in
        self.queued.flatMap { queued in
          self.limit.map { Answer(leases: SemaphoreMachine.inOrder(leases), queued: queued, limit: $0) }
        }
      }
    }
  }
}

extension SemaphoreBackend {
  /// Counts the contenders in the queue without the nodes of this client: the caller does not stand there.
  func scanQueue(_ session: ZKSession, _ done: @escaping @Sendable (Result<Int, ZooKeeperError>) -> Void) {
    session.scan(
      directory: self.path.queue,
      own: nil,
      matchPrefix: ContenderIdentity.prefix(mark: self.queueMark),
      markers: GrantRule.mutex.markers,
      sync: false
    ) { result in
      switch result {
      case .success(let scan): done(.success(scan.count - scan.matches.count))
      // Nobody has ever stood in line, or not lately.
      case .failure(let error) where error.code == .noNode: done(.success(0))
      case .failure(let error): done(.failure(error))
      }
    }
  }
}
