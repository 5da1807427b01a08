internal import LatchkeyPrimitives
internal import Logging
internal import Synchronization

/// What happens to a client's sessions, told in order and one at a time, on one of the C client's threads.
package enum ZKSessionEvent: Sendable {
  /// The session is connected, for the first time or again.
  case connected(ZKSession)
  /// The session has lost its connection and may live on.
  case suspended(ZKSession)
  /// The session is over.
  case ended(ZKSession, ZooKeeperError)
  /// The client is closed, or was refused: no new session will come.
  case closed(ZooKeeperError)
}

extension ZooKeeperClient {
  /// The session that is connected now; nil if none is.
  package var currentSession: ZKSession? {
    self.state.withLock { $0.machine.phase == .connected ? $0.session : nil }
  }

  /// Whether a session is connected now; and whether one ever was, or none will be again.
  package var connection: (isConnected: Bool, hasBeenConnected: Bool, closed: ZooKeeperError?) {
    self.state.withLock { ($0.machine.phase == .connected && $0.session != nil, $0.hasConnected, $0.failure) }
  }

  /// Waits until a session is connected.
  ///
  /// - Parameter limit: How long to wait; nil: as long as it takes, but no longer than the connect timeout for the first
  ///   connection.
  /// - Throws: ``ZooKeeperError``: `connectionLoss` if the time was not enough, `notRunning`, `cancelled`, or why the client is closed.
  package func waitForSession(within limit: Duration?) async throws(ZooKeeperError) -> ZKSession {
    enum Place {
      case answered(Result<ZKSession, ZooKeeperError>)
      case joined(WaitLine<Result<ZKSession, ZooKeeperError>>.ID, hasConnected: Bool)
    }
    let place = self.state.withLock { state -> Place in
      if state.machine.phase == .connected, let session = state.session { return .answered(.success(session)) }
      if let failure = state.failure { return .answered(.failure(failure)) }
      return .joined(state.sessionLine.join(), hasConnected: state.hasConnected)
    }
    let (id, hasConnected): (WaitLine<Result<ZKSession, ZooKeeperError>>.ID, Bool)
    switch place {
    case .answered(let outcome): return try outcome.get()
    case .joined(let joined, let connectedBefore): (id, hasConnected) = (joined, connectedBefore)
    }
    let first = self.configuration.connectTimeout
    let budget = hasConnected ? limit : min(limit ?? first, first)
    let outcome = await withDeadline(budget.map { .now + $0 }) {
      self.leave(id, with: .failure(self.unreachable(within: budget)))
    } wait: {
      await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          let answer = self.state.withLock { $0.sessionLine.suspend(id, continuation) }
          if let answer { continuation.resume(returning: answer) }
        }
      } onCancel: {
        self.leave(id, with: .failure(ZooKeeperError(.cancelled, operation: "connect")))
      }
    }
    return try outcome.get()
  }

  private func leave(
    _ id: WaitLine<Result<ZKSession, ZooKeeperError>>.ID,
    with answer: Result<ZKSession, ZooKeeperError>
  ) {
    self.state.withLock { $0.sessionLine.leave(id, with: answer) }.resume(with: answer)
  }

  private func unreachable(within budget: Duration?) -> ZooKeeperError {
    guard self.hasRun.load(ordering: .relaxed) else { return self.notRunning() }
    let (openFailure, addresses) = self.state.withLock { ($0.openFailure, $0.addresses) }
    let reasons = [openFailure ?? addresses.failure].compactMap { $0 } + ClientLog.failures(of: addresses.hosts)
    let reason = reasons.isEmpty ? "" : ": \(reasons.joined(separator: ", "))"
    let time = budget.map { " within \($0)" } ?? ""
    var error = ZooKeeperError(
      .connectionLoss,
      operation: "connect",
      detail: "no connection to any of \(self.serverList)\(time)\(reason)\(self.slowness)"
    )
    error.isUnsent = true
    return error
  }

  private func notRunning() -> ZooKeeperError {
    let error = ZooKeeperError(.notRunning, operation: "connect")
    let isFirst = self.state.withLock { state in
      defer { state.hasSaidNotRunning = true }
      return !state.hasSaidNotRunning
    }
    if isFirst {
      self.configuration.logger.warning("the ZooKeeper client is used but not running", metadata: ["error": "\(error)"])
    }
    return error
  }

  /// The C client derives its patience from the session timeout: a third for each server, a sixtieth between two rounds.
  private var slowness: String {
    let timeout = self.configuration.sessionTimeout
    guard timeout > self.configuration.tick * 20 else { return "" }
    return """
      ; servers give a session twenty ticks (\(self.configuration.tick * 20)) by default: one of \(timeout) makes each attempt \
      take up to \(timeout / 3), and begin again after \(timeout / 60): ask for less
      """
  }

  /// Calls a closure with everything that happens to the client's sessions from now on. It must not block.
  ///
  /// - Returns: A number for ``removeSessionObserver(_:)``.
  package func addSessionObserver(_ observer: @escaping @Sendable (ZKSessionEvent) -> Void) -> UInt64 {
    self.state.withLock { $0.observers.add(observer) }
  }

  /// Forgets an observer; an event that is on its way may still reach it.
  package func removeSessionObserver(_ id: UInt64) {
    self.state.withLock { state in _ = state.observers.remove(id) }
  }
}
