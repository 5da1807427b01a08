internal import Tracing

/// A lease that somebody watches, from its grant until it is released or dropped.
final class HoldObservation: Sendable {
  private let metrics: LockMetrics?
  private let span: (any Span)?
  private let start = ContinuousClock.now
  /// Whether the end of the hold has been measured: at the loss, if there is one.
  private let isMeasured = Locked(false)

  init(_ held: HeldLock, metrics: LockMetrics?, tracer: (any Tracer)?) {
    self.metrics = metrics
    self.span = tracer?.startSpan("lock.hold")
    self.span?.describe(held.name, held.backend.kind)
    self.span?.describe(held.token)
    // Without a deadline there is no loss, and an in-process lock is slower to release when it has somebody to tell.
    guard held.deadline != nil else { return }
    _ = held.onEnding { ending in
      if case .lost(let loss) = ending { self.lose(loss) }
    }
  }

  /// Runs a body with the span of the hold as the current one.
  func run<R>(isolation: isolated (any Actor)?, _ body: () async throws -> R) async rethrows -> R {
    guard let span else { return try await body() }
    return try await ServiceContext.withValue(span.context, isolation: isolation, operation: body)
  }

  /// The body ended with an error.
  func fail(_ error: any Error) { self.span?.fail(with: error) }

  /// The holder is done with the lease.
  ///
  /// - Parameter outcome: How the hold ended: `released`, `dropped`, `lost`.
  func end(_ outcome: String) {
    self.measure(outcome)
    self.span?.end(outcome)
  }

  private func lose(_ loss: LockError) {
    self.measure("lost")
    self.metrics?.lost()
    self.span?.addEvent(SpanEvent(name: "lock.lost", attributes: ["reason": "\(loss.message)"]))
    self.span?.setStatus(SpanStatus(code: .error, message: loss.message))
  }

  private func measure(_ outcome: String) {
    let isFirst = self.isMeasured.withLock { isMeasured in
      defer { isMeasured = true }
      return !isMeasured
    }
    if isFirst { self.metrics?.held(for: .now - self.start, outcome: outcome) }
  }
}
