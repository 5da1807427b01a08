internal import LatchkeyPrimitives
internal import ZooKeeper

/// Questions whether nodes still stand, which end with the connection: nobody says when the next one comes.
final class NodeQuestions: Sendable {
  private typealias Question = OneShot<Result<Stat?, ZooKeeperError>>

  private let state = Locked((questions: [UInt64: Question](), next: UInt64(1)))

  /// Ends with the term, with the connection, and with the task.
  func ask(about path: String, _ session: ZKSession, until term: Term) async -> Result<Stat?, ZooKeeperError> {
    let question = Question()
    let number = self.state.withLock { state -> UInt64 in
      defer { state.next += 1 }
      state.questions[state.next] = question
      return state.next
    }
    defer { self.state.withLock { state in _ = state.questions.removeValue(forKey: number) } }
    // Check after registering the question: a connection that is lost from now on fails it.
    guard session.isConnected else {
      return .failure(ZooKeeperError(.connectionLoss, operation: "exists", path: path))
    }
    let handler = term.onEnd { _ in
      question.resolve(.failure(ZooKeeperError(.operationTimeout, operation: "exists", path: path)))
    }
    defer { if let handler { term.removeHandler(handler) } }
    session.exists(path) { question.resolve($0) }
    return await question.wait(cancelled: .failure(ZooKeeperError(.cancelled, operation: "exists", path: path)))
  }

  /// The connection is lost.
  func fail() {
    let questions = self.state.withLock { state in
      defer { state.questions = [:] }
      return state.questions.values.map { $0 }
    }
    for question in questions { question.resolve(.failure(ZooKeeperError(.connectionLoss, operation: "exists"))) }
  }
}
