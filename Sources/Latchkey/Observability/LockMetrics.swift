internal import CoreMetrics
internal import LatchkeyPrimitives

/// The metrics of one lock, or of all locks of a backend.
///
/// Counters and timers are asked for at each call: factories know the ones that they have made. Meters are kept, see
/// ``LockMeters``.
struct LockMetrics: Sendable {
  let factory: any MetricsFactory
  let dimensions: [(String, String)]

  /// Somebody has begun to wait, or is done with it.
  func waiting(isOver: Bool) {
    let waiters = LockMeters.waiters(self.dimensions, self.factory)
    if isOver { waiters.decrement() } else { waiters.increment() }
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
