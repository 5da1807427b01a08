internal import CZooKeeper
internal import LatchkeyPrimitives

/// What the names of sequential nodes have before their number.
package struct SequenceMarkers: Sendable, Hashable {
  /// The markers as the shim wants them: passed on for every look at a list, so put together once.
  let joined: String

  /// - Parameter markers: Not empty, none with a line break, none ending with a digit or "-" after which a number could not
  ///   be told from it. ("lock-" is fine: what follows it is a signed number.)
  package init(_ markers: [String]) {
    precondition(!markers.isEmpty && !markers.contains(""), "a marker must not be empty")
    precondition(
      !markers.contains { marker in marker.contains("\n") || marker.last?.isNumber == true },
      "a marker must not hold a line break or end with a digit"
    )
    self.joined = markers.joined(separator: "\n")
  }
}

/// A look at the sequential nodes of a directory: at the children whose names end with one of the markers asked for and a signed
/// number. They are ordered by number, then by name.
package struct SequenceScan: Sendable, Hashable {
  /// The number of nodes.
  package var count: Int
  /// How many nodes come before our own; nil if it is not in the list, or none was named.
  package var ownIndex: Int?
  /// The name of the node just before our own; if none was named: the last one.
  package var predecessor: String?
  /// The name of the first node.
  package var first: String?
  /// Names that start with the prefix asked for, sequential nodes or not.
  package var matches: [String]
  /// Whether numbers are negative or near the end of their range, so that they do not tell the order.
  package var wraps: Bool
  /// The names of all nodes, in no order; only if ``wraps``.
  package var nodes: [String]
}

extension SequenceScan {
  init(_ scan: czk_scan) {
    self.count = Int(scan.count)
    self.ownIndex = scan.own_index < 0 ? nil : Int(scan.own_index)
    self.predecessor = scan.predecessor.map { String(cString: $0) }
    self.first = scan.first.map { String(cString: $0) }
    self.matches = strings(scan.matches, Int(scan.match_count))
    self.wraps = scan.wraps
    self.nodes = scan.wraps ? strings(scan.nodes, Int(scan.count)) : []
  }
}
