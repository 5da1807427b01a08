import CoreMetrics
import InMemoryTracing
import Latchkey
import MetricsTestKit
import Tracing

/// What the locks of one test tell, and nobody else's.
struct Telemetry {
  let metrics = TestMetrics()
  let tracer = InMemoryTracer()

  var options: LockObservability {
    var options = LockObservability()
    options.metrics = self.metrics
    options.tracer = self.tracer
    return options
  }

  /// The dimensions as metrics have them: the kind of grant behind the kind of backend.
  static func of(_ kind: GrantKind, _ dimensions: [(String, String)]) -> [(String, String)] {
    Array(dimensions.prefix(1)) + [("kind", kind.rawValue)] + Array(dimensions.dropFirst())
  }

  func spans(_ name: String) -> [FinishedInMemorySpan] {
    self.tracer.finishedSpans.filter { $0.operationName == name }
  }

  func count(_ label: String, of kind: GrantKind = .lock, _ dimensions: (String, String)...) throws -> Int64 {
    try self.metrics.expectCounter(label, Self.of(kind, dimensions)).totalValue
  }

  /// How many durations were recorded; none of them is negative.
  func durations(_ label: String, of kind: GrantKind = .lock, _ dimensions: (String, String)...) throws -> Int {
    let values = try self.metrics.expectTimer(label, Self.of(kind, dimensions)).values
    return values.count { $0 >= 0 }
  }

  func waiters(of kind: GrantKind = .lock, _ dimensions: (String, String)...) throws -> [Double] {
    try self.metrics.expectMeter("lock.waiters", Self.of(kind, dimensions)).values
  }

  func held(of kind: GrantKind = .lock, _ dimensions: (String, String)...) throws -> [Double] {
    try self.metrics.expectMeter("lock.held", Self.of(kind, dimensions)).values
  }
}

extension FinishedInMemorySpan {
  func attribute(_ name: String) -> SpanAttribute? { self.attributes.get(name) }
}
