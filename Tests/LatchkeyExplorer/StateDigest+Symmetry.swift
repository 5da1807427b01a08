extension StateDigest {
  /// The least digest of things that are alike, over all orders that their looks leave open: the same for states that are mirror
  /// images of each other.
  ///
  /// - Parameters:
  ///   - looks: What each thing looks like by itself, by whatever does not depend on which is which; the more it tells, the
  ///     fewer orders are tried.
  ///   - digest: The digest of all of them, taken in an order.
  package static func least(among looks: [UInt64], _ digest: (_ order: [Int]) -> UInt64) -> UInt64 {
    var order = looks.indices.sorted { looks[$0] < looks[$1] }
    var least = UInt64.max
    self.permute(&order, from: 0, looks) { least = min(least, digest($0)) }
    return least
  }

  /// Calls `visit` with each order in which only those change places that look alike.
  private static func permute(_ order: inout [Int], from place: Int, _ looks: [UInt64], _ visit: ([Int]) -> Void) {
    guard place < order.count else { return visit(order) }
    var other = place
    while other < order.count, looks[order[other]] == looks[order[place]] {
      order.swapAt(place, other)
      self.permute(&order, from: place + 1, looks, visit)
      order.swapAt(place, other)
      other += 1
    }
  }
}
