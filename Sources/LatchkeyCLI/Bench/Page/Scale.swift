#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Maps values to places along an axis.
struct Scale: Sendable {
  enum Kind: Hashable, Sendable {
    case linear
    /// Equal ratios are equally far apart.
    case logarithmic
    /// For shares below 1: equally far apart are 90 %, 99 %, 99.9 %.
    case nines
  }

  struct Tick: Hashable, Sendable {
    var value: Double
    var label: String
  }

  let kind: Kind
  let domain: ClosedRange<Double>
  /// Where the ends of the domain lie; the first may be the greater, as on an axis that points up.
  let ends: (first: Double, last: Double)

  /// The place of a value; one outside of the domain is at its end.
  func callAsFunction(_ value: Double) -> Double {
    let (low, high) = (self.place(self.domain.lowerBound), self.place(self.domain.upperBound))
    guard high > low else { return self.ends.first }
    let share = (self.place(min(max(value, self.domain.lowerBound), self.domain.upperBound)) - low) / (high - low)
    return self.ends.first + share * (self.ends.last - self.ends.first)
  }

  private func place(_ value: Double) -> Double {
    switch self.kind {
    case .linear: value
    case .logarithmic: log10(value)
    case .nines: -log10(1 - value)
    }
  }

  /// A linear scale from zero to a round number that has room for a value.
  static func linear(upTo greatest: Double, ends: (Double, Double)) -> Scale {
    let step = self.niceStep(greatest / 4)
    return Scale(kind: .linear, domain: 0...max(step, (greatest / step).rounded(.up) * step), ends: ends)
  }

  /// A logarithmic scale over the whole decades that hold all values.
  ///
  /// - Parameter values: Above zero; others are passed over.
  static func decades(around values: some Sequence<Double>, ends: (Double, Double)) -> Scale {
    let known = values.filter { $0 > 0 && $0.isFinite }
    let low = floor(log10(known.min() ?? 1))
    let high = max(low + 1, ceil(log10(known.max() ?? 10)))
    return Scale(kind: .logarithmic, domain: pow(10, low)...pow(10, high), ends: ends)
  }

  /// A scale of percentiles that ends where the data does: with `count` values, no share above 1 - 1/count is known.
  static func percentiles(ofGreatestCount count: UInt64, ends: (Double, Double)) -> Scale {
    let nines = min(max(1, log10(Double(max(count, 1)))), 5)
    return Scale(kind: .nines, domain: 0...(1 - pow(10, -nines)), ends: ends)
  }

  /// Round values within the domain, few enough to be read.
  func ticks(label: (Double) -> String) -> [Tick] {
    let values: [Double]
    switch self.kind {
    case .linear:
      let step = Self.niceStep(self.domain.upperBound / 4)
      values = stride(from: 0, through: self.domain.upperBound * 1.0001, by: step).map { $0 }
    case .logarithmic:
      let (low, high) = (Int(log10(self.domain.lowerBound).rounded()), Int(log10(self.domain.upperBound).rounded()))
      values = stride(from: low, through: high, by: high - low > 8 ? 2 : 1).map { pow(10, Double($0)) }
    case .nines:
      values = [0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999].filter { $0 <= self.domain.upperBound + 1e-9 }
    }
    return values.map { Tick(value: $0, label: label($0)) }
  }

  /// The 1, 2 or 5 times a power of ten that is not below a value.
  static func niceStep(_ rough: Double) -> Double {
    guard rough > 0, rough.isFinite else { return 1 }
    let power = pow(10, floor(log10(rough)))
    for factor in [1.0, 2, 5, 10] where factor * power >= rough * 0.999_999 { return factor * power }
    return 10 * power
  }
}

/// Labels that must not cover each other.
enum Labels {
  /// Moves places apart until neighbours are a gap away from each other, each as little as it must.
  ///
  /// - Parameters:
  ///   - places: Where the labels would like to be.
  ///   - gap: How far apart they have to be.
  ///   - range: Where they may be; kept as long as there is room.
  /// - Returns: Their places, in the same order.
  static func spread(_ places: [Double], gap: Double, within range: ClosedRange<Double>) -> [Double] {
    let order = places.indices.sorted { places[$0] < places[$1] }
    var moved = places
    var last = range.lowerBound - gap
    for index in order {
      moved[index] = max(min(max(places[index], range.lowerBound), range.upperBound), last + gap)
      last = moved[index]
    }
    // Those that were pushed out of the range push back.
    var next = range.upperBound + gap
    for index in order.reversed() {
      moved[index] = min(moved[index], next - gap)
      next = moved[index]
    }
    return moved
  }
}
