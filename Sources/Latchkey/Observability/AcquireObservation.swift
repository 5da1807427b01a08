internal import Tracing

/// A call for a lock that somebody watches.
struct AcquireObservation {
  private let name: LockName
  private let kind: GrantKind
  private let isPatient: Bool
  private let metrics: LockMetrics?
  private let tracer: (any Tracer)?
  private let span: (any Span)?
  private let start = ContinuousClock.now

  init(
    name: LockName,
    backend: String,
    kind: GrantKind,
    isPatient: Bool,
    metrics: LockMetrics?,
    tracer: (any Tracer)?
  ) {
    self.name = name
    self.kind = kind
    self.isPatient = isPatient
    self.metrics = metrics
    self.tracer = tracer
    self.span = tracer?.startSpan("lock.acquire")
    self.span?.describe(name, backend, kind)
    if isPatient { metrics?.waiting(isOver: false) }
  }

  /// The call got the lock: from now on the hold is watched.
  func succeed(_ lease: consuming Lease) -> Lease {
    self.span?.describe(lease.held.token)
    self.metrics?.granted()
    self.end("granted")
    return lease.observed(self.metrics, self.tracer, self.kind)
  }

  /// The call found the lock held.
  func turnAway() { self.end("busy") }

  func fail(_ error: LockError) {
    // Who gives up has not failed.
    if error.code != .cancelled { self.span?.fail(with: error) }
    self.end("\(error.code)")
  }

  private func end(_ outcome: String) {
    if self.isPatient { self.metrics?.waiting(isOver: true) }
    self.metrics?.acquired(in: .now - self.start, outcome: outcome)
    self.span?.end(outcome)
  }
}
