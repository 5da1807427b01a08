/// Tells states apart by 64 bits, so that millions of them fit into memory.
///
/// Two different states of `n` have the same digest with a probability of about `n²` in 2⁶⁵: for ten million states, three in
/// a million. One of them would then not be explored.
///
/// Inlinable, since most of the time of an exploration is spent here.
@frozen
package struct StateDigest: Sendable {
  @usableFromInline var hash: UInt64 = 0x9e37_79b9_7f4a_7c15
  @usableFromInline var names: [UInt64] = []

  /// The digest of all that was added.
  @inlinable package var value: UInt64 { self.hash }

  /// An empty digest.
  @inlinable
  package init() {}

  /// Adds a number.
  @inlinable
  package mutating func add(_ word: UInt64) {
    var mixed = (self.hash &+ word) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 31)) &* 0x94d0_49bb_1331_11eb
    self.hash = mixed ^ (mixed >> 29)
  }

  /// Adds a number.
  @inlinable
  package mutating func add(_ number: Int) { self.add(UInt64(bitPattern: Int64(number))) }

  /// Adds a flag.
  @inlinable
  package mutating func add(_ flag: Bool) { self.add(flag ? 1 as UInt64 : 2) }

  /// Adds any value by its hash.
  @inlinable
  package mutating func add(_ value: some Hashable) {
    var hasher = Hasher()
    hasher.combine(value)
    self.add(hasher.finalize())
  }

  /// Adds a number that is only a name: its place in the order in which names of this kind appear counts, not the number.
  ///
  /// - Parameters:
  ///   - name: The name; less than 2⁵⁶.
  ///   - kind: What it names; names of different kinds have nothing to do with each other.
  @inlinable
  package mutating func add(name: UInt64, of kind: UInt8) {
    let key = name << 8 | UInt64(kind)
    var index = 0
    while index < self.names.count, self.names[index] != key { index += 1 }
    if index == self.names.count {
      if index == 0 { self.names.reserveCapacity(16) }
      self.names.append(key)
    }
    var place = 0
    for other in 0..<index where self.names[other] & 0xff == UInt64(kind) { place += 1 }
    self.add(place)
  }
}

extension ExplorationModel {
  /// What a state is told from others by.
  func digest(of state: State) -> UInt64 {
    var digest = StateDigest()
    self.digest(state, into: &digest)
    return digest.value
  }
}
