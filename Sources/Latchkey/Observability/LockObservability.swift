public import CoreMetrics
public import Tracing

/// What the locks of a client tell of themselves, and to whom.
///
/// By default they tell the metrics and tracing systems that the process was bootstrapped with (or those of an enclosing
/// `withMetricsFactory` or `withTracer`). Where there is none, nothing is measured.
public struct LockObservability: Sendable {
  /// Whether there are metrics and spans at all. Log lines are not concerned.
  public var isEnabled = true

  /// Whether each metric has the lock's name as its dimension `name`. Off by default: most metrics backends keep a time series
  /// for every name for ever, so this is for a few names that are known before.
  public var namesAreDimensions = false

  /// Where metrics go; nil for the factory that is current at each call, `MetricsSystem.factory`.
  public var metrics: (any MetricsFactory)?

  /// Where spans go; nil for the tracer that is current at each call, `InstrumentationSystem.tracer`.
  public var tracer: (any Tracer)?

  /// The defaults.
  public init() {}

  /// No metrics and no spans.
  public static var off: LockObservability {
    var off = LockObservability()
    off.isEnabled = false
    return off
  }
}
