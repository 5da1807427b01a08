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

  func spans(_ name: String) -> [FinishedInMemorySpan] {
    self.tracer.finishedSpans.filter { $0.operationName == name }
  }

  func count(_ label: String, _ dimensions: (String, String)...) throws -> Int64 {
    try self.metrics.expectCounter(label, dimensions).totalValue
  }

  /// How many durations were recorded; none of them is negative.
  func durations(_ label: String, _ dimensions: (String, String)...) throws -> Int {
    let values = try self.metrics.expectTimer(label, dimensions).values
    return values.count { $0 >= 0 }
  }

  func waiters(_ dimensions: (String, String)...) throws -> [Double] {
    try self.metrics.expectMeter("lock.waiters", dimensions).values
  }
}

extension FinishedInMemorySpan {
  func attribute(_ name: String) -> SpanAttribute? { self.attributes.get(name) }
}
