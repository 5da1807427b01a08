/// Random numbers that a seed repeats (SplitMix64: Steele, Lea, Flood, *Fast splittable pseudorandom number generators*, 2014).
struct SeededRandom: RandomNumberGenerator, Sendable {
  private var state: UInt64

  init(seed: UInt64) {
    self.state = seed
  }

  mutating func next() -> UInt64 {
    self.state &+= 0x9E37_79B9_7F4A_7C15
    var word = self.state
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }

  /// A part of a duration.
  mutating func duration(_ range: ClosedRange<Double>, of unit: Duration) -> Duration {
    unit * Double.random(in: range, using: &self)
  }
}
