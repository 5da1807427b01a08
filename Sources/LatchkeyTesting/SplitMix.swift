/// Random numbers that are the same for the same seed (Steele, Lea and Flood, *Fast Splittable Pseudorandom Number
/// Generators*, 2014).
package struct SplitMix: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// Creates a generator.
  ///
  /// - Parameter seed: The same seed gives the same numbers.
  package init(seed: UInt64) {
    self.state = seed
  }

  /// The next number.
  package mutating func next() -> UInt64 {
    self.state &+= 0x9e37_79b9_7f4a_7c15
    var word = self.state
    word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
    return word ^ (word >> 31)
  }

  /// A part of a duration.
  package mutating func duration(_ range: ClosedRange<Double>, of unit: Duration) -> Duration {
    unit * Double.random(in: range, using: &self)
  }
}
