internal import CoreMetrics
internal import LatchkeyPrimitives

/// The metrics of one lock, or of all locks of a backend.
///
/// Counters and timers are asked for at each call: factories know the ones that they have made. Meters are kept, see
/// ``LockMeters``.
struct LockMetrics: Sendable {
  let factory: any MetricsFactory
  /// The kind of backend.
  let backend: String
  let kind: GrantKind
  /// The lock's name, where it is a dimension.
  let name: LockName?

  /// The same for all kinds: a metrics backend may refuse a metric whose dimensions differ from those it has.
  private var dimensions: [(String, String)] {
    let common = [("backend", self.backend), ("kind", self.kind.rawValue)]
    return self.name.map { common + [("name", "\($0)")] } ?? common
  }

  /// The metrics of another kind of grant of the same lock.
  func of(_ kind: GrantKind) -> LockMetrics {
    LockMetrics(factory: self.factory, backend: self.backend, kind: kind, name: self.name)
  }

  /// Somebody has begun to wait, or is done with it.
  func waiting(isOver: Bool) {
    self.count(1, isOver: isOver, "lock.waiters")
  }

  /// Somebody has begun to hold a lock or some permits, or is done with it.
  func holding(_ amount: Int, isOver: Bool) {
    self.count(amount, isOver: isOver, "lock.held")
  }

  private func count(_ amount: Int, isOver: Bool, _ label: String) {
    let meter = LockMeters.meter(label, self.dimensions, self.factory)
    if isOver { meter.decrement(by: Double(amount)) } else { meter.increment(by: Double(amount)) }
  }

  func acquired(in duration: Duration, outcome: String) {
    self.record("lock.acquire.duration", duration, outcome)
  }

  func granted() { self.count("lock.acquisitions") }

  func lost() { self.count("lock.losses") }

  func held(for duration: Duration, outcome: String) {
    self.record("lock.hold.duration", duration, outcome)
  }

  private func count(_ label: String) {
    Counter(label: label, dimensions: self.dimensions, factory: self.factory).increment()
  }

  private func record(_ label: String, _ duration: Duration, _ outcome: String) {
    let dimensions = self.dimensions + [("outcome", outcome)]
    Timer(label: label, dimensions: dimensions, factory: self.factory).recordNanoseconds(duration.nanoseconds)
  }
}
