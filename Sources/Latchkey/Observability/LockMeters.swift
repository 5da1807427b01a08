internal import CoreMetrics
internal import LatchkeyPrimitives

/// The meters of the process, one for each factory, label and set of dimensions: a factory that knows no meters gets one of
/// swift-metrics' own, which adds up by itself and would begin at zero each time.
enum LockMeters {
  private struct Key: Hashable {
    let factory: ObjectIdentifier
    let label: String
    let dimensions: [String]
  }

  /// A meter keeps its factory, so a factory's identity is not used again.
  private static let meters = Locked<[Key: Meter]>([:])

  /// Counts what is going on at the moment.
  static func meter(_ label: String, _ dimensions: [(String, String)], _ factory: any MetricsFactory) -> Meter {
    // A factory that is a value has no identity: those of one type are taken for one.
    let isObject = type(of: factory) is AnyClass
    let identity = isObject ? ObjectIdentifier(factory as AnyObject) : ObjectIdentifier(type(of: factory))
    let key = Key(factory: identity, label: label, dimensions: dimensions.flatMap { [$0.0, $0.1] })
    return self.meters.withLock { meters in
      if let meter = meters[key] { return meter }
      let meter = Meter(label: label, dimensions: dimensions, factory: factory)
      meters[key] = meter
      return meter
    }
  }
}
