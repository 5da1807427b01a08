internal import CoreMetrics
internal import Tracing

/// Turns what happens to the locks of one client into metrics and spans: the one place through which every backend's grants
/// pass on their way to the caller.
package struct LockObserver: Sendable {
  private let options: LockObservability
  /// The kind of backend.
  private let backend: String
  private let kind: GrantKind

  /// - Parameters:
  ///   - options: Who listens.
  ///   - backend: The kind of backend.
  ///   - kind: What is granted.
  package init(_ options: LockObservability, kind backend: String, of kind: GrantKind = .lock) {
    self.options = options
    self.backend = backend
    self.kind = kind
  }

  /// The observer of grants of another kind, at the same backend.
  package func of(_ kind: GrantKind) -> LockObserver { LockObserver(self.options, kind: self.backend, of: kind) }

  /// Whether anybody listens at the moment.
  package var isActive: Bool { self.metrics != nil || self.tracer != nil }

  private var metrics: (any MetricsFactory)? {
    guard self.options.isEnabled else { return nil }
    let factory = self.options.metrics ?? MetricsSystem.factory
    return factory is NOOPMetricsHandler ? nil : factory
  }

  private var tracer: (any Tracer)? {
    guard self.options.isEnabled else { return nil }
    let tracer = self.options.tracer ?? InstrumentationSystem.tracer
    return tracer is NoOpTracer ? nil : tracer
  }

  /// Watches a call that waits for a lock, and the lease that comes of it.
  ///
  /// - Parameters:
  ///   - name: The lock.
  ///   - timeout: The budget of the call.
  ///   - acquire: The call.
  package func acquire(
    _ name: LockName,
    within timeout: Duration?,
    _ acquire: () async throws(LockError) -> Lease
  ) async throws(LockError) -> Lease {
    let isPatient = timeout.map { $0 > .zero } ?? true
    guard let attempt = self.begin(name, isPatient: isPatient) else { return try await acquire() }
    do throws(LockError) {
      return attempt.succeed(try await acquire())
    } catch {
      attempt.fail(error)
      throw error
    }
  }

  /// Watches a try, and the lease that may come of it.
  package func tryAcquire(
    _ name: LockName,
    _ tryAcquire: () async throws(LockError) -> Lease?
  ) async throws(LockError) -> Lease? {
    guard let attempt = self.begin(name, isPatient: false) else { return try await tryAcquire() }
    do throws(LockError) {
      guard let lease = try await tryAcquire() else {
        attempt.turnAway()
        return nil
      }
      return attempt.succeed(lease)
    } catch {
      attempt.fail(error)
      throw error
    }
  }

  /// Watches a try that never suspends, and the lease that may come of it.
  func tryAtOnce(_ name: LockName, _ tryAcquire: () -> Lease?) -> Lease? {
    guard let attempt = self.begin(name, isPatient: false) else { return tryAcquire() }
    guard let lease = tryAcquire() else {
      attempt.turnAway()
      return nil
    }
    return attempt.succeed(lease)
  }

  private func begin(_ name: LockName, isPatient: Bool) -> AcquireObservation? {
    let (metrics, tracer) = (self.metrics, self.tracer)
    guard metrics != nil || tracer != nil else { return nil }
    let measured = self.options.namesAreDimensions ? name : nil
    return AcquireObservation(
      name: name,
      backend: self.backend,
      kind: self.kind,
      isPatient: isPatient,
      metrics: metrics.map { LockMetrics(factory: $0, backend: self.backend, kind: self.kind, name: measured) },
      tracer: tracer
    )
  }
}
