/// The states that were reached, by their digests: a hash table with open addressing, 12 bytes for a place in it.
struct FingerprintTable {
  private var keys: [UInt64]
  private var values: [UInt32]
  private var mask: Int
  private(set) var count = 0

  init() {
    self.mask = (1 << 12) - 1
    self.keys = Array(repeating: 0, count: self.mask + 1)
    self.values = Array(repeating: 0, count: self.mask + 1)
  }

  /// Numbers a state: states are numbered as they come.
  ///
  /// - Returns: Its number, and whether it is new.
  mutating func number(_ fingerprint: UInt64) -> (number: Int, isNew: Bool) {
    // Zero stands for an empty place.
    let key = fingerprint == 0 ? 1 : fingerprint
    if (self.count + 1) * 4 > self.keys.count * 3 { self.grow() }
    var place = Int(truncatingIfNeeded: key) & self.mask
    while self.keys[place] != 0 {
      if self.keys[place] == key { return (Int(self.values[place]), false) }
      place = (place + 1) & self.mask
    }
    self.keys[place] = key
    self.values[place] = UInt32(self.count)
    self.count += 1
    return (self.count - 1, true)
  }

  private mutating func grow() {
    let (keys, values) = (self.keys, self.values)
    self.mask = keys.count * 2 - 1
    self.keys = Array(repeating: 0, count: self.mask + 1)
    self.values = Array(repeating: 0, count: self.mask + 1)
    for old in keys.indices where keys[old] != 0 {
      var place = Int(truncatingIfNeeded: keys[old]) & self.mask
      while self.keys[place] != 0 { place = (place + 1) & self.mask }
      self.keys[place] = keys[old]
      self.values[place] = values[old]
    }
  }
}
