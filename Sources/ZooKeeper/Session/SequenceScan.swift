internal import CZooKeeper
internal import LatchkeyPrimitives

/// What the names of sequential nodes have before their number, and which of the nodes block those with a greater number.
package struct SequenceMarkers: Sendable, Hashable {
  /// No node counts: a list is looked through for a prefix alone.
  package static let none = SequenceMarkers(blocking: [])

  /// The markers, those of blocking nodes first.
  package let all: [String]
  private let blockingCount: Int32
  /// A bit for each marker whose nodes should not be in the directory.
  private let foreign: UInt32
  /// The markers as the shim wants them: passed on for every look at a list, so put together once.
  private let joined: String

  /// - Parameters:
  ///   - blocking: The markers of nodes that block. None is empty, holds a line break, ends with another marker or with a digit,
  ///     or with "-" where a number would be taken for a part of it. ("lock-" is fine: what follows it is a signed number.)
  ///   - others: The markers of nodes that do not block.
  ///   - foreign: Those of all these markers whose nodes should not be in the directory.
  package init(blocking: [String], others: [String] = [], foreign: [String] = []) {
    self.all = blocking + others
    self.blockingCount = Int32(blocking.count)
    self.foreign = self.all.enumerated().reduce(0) { foreign.contains($1.element) ? $0 | 1 << $1.offset : $0 }
    precondition(self.all.count <= UInt32.bitWidth, "the shim has one bit for each marker")
    self.joined = self.all.joined(separator: "\n")
    precondition(
      !self.all.contains { marker in
        // Bytes: as characters, a line break after a carriage return is none.
        marker.isEmpty || marker.utf8.contains(UInt8(ascii: "\n")) || marker.last?.isNumber == true
          || self.all.contains { $0 != marker && marker.hasSuffix($0) }
      },
      "a marker must not be empty, hold a line break, end with a digit or end with another marker"
    )
  }

  func withShim<R>(_ body: (czk_markers) -> R) -> R {
    self.joined.withCString { body(czk_markers(text: $0, blocking: self.blockingCount, foreign: self.foreign)) }
  }
}

/// A look at the sequential nodes of a directory: at the children whose names end with one of the markers asked for and a signed
/// number. They are ordered by number, then by name.
package struct SequenceScan: Sendable, Hashable {
  /// The number of nodes.
  package var count: Int
  /// How many nodes come before our own; nil if it is not in the list, or none was named.
  package var ownIndex: Int?
  /// How many of those before our own block it; if none was named, how many blocking nodes there are.
  package var blockers: Int
  /// The name of the last of them.
  package var nearest: String?
  /// Its marker.
  package var nearestMarker: String?
  /// The name of the first node.
  package var first: String?
  /// The name of the first node that should not be in the directory.
  package var foreign: String?
  /// Names that start with the prefix asked for, sequential nodes or not.
  package var matches: [String]
  /// Whether numbers are negative or near the end of their range, so that they do not tell the order.
  package var wraps: Bool
  /// The names of all nodes, in no order; only if ``wraps``.
  package var nodes: [String]
}

extension SequenceScan {
  init(_ scan: czk_scan, _ markers: SequenceMarkers) {
    self.count = Int(scan.count)
    self.ownIndex = scan.own_index < 0 ? nil : Int(scan.own_index)
    self.blockers = Int(scan.blockers)
    self.nearest = scan.nearest.map { String(cString: $0) }
    self.nearestMarker = scan.nearest == nil ? nil : markers.all[Int(scan.nearest_marker)]
    self.first = scan.first.map { String(cString: $0) }
    self.foreign = scan.foreign.map { String(cString: $0) }
    self.matches = strings(scan.matches, Int(scan.match_count))
    self.wraps = scan.wraps
    self.nodes = scan.wraps ? strings(scan.nodes, Int(scan.count)) : []
  }
}
